package plan

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"lablab/say"
)

// A trailEvent is a record of CloudTrail ("CloudTrail record contents", CloudTrail user guide).
type trailEvent struct {
	Time      string         `json:"eventTime"`
	Source    string         `json:"eventSource"`
	Name      string         `json:"eventName"`
	ID        string         `json:"eventID"`
	Error     string         `json:"errorCode"`
	ReadOnly  bool           `json:"readOnly"`
	Request   map[string]any `json:"requestParameters"`
	Response  map[string]any `json:"responseElements"`
	Lookup    string         `json:"CloudTrailEvent"` // in lookup-events: the record as a text
	Detail    *trailEvent    `json:"detail"`          // in EventBridge
	Records   []trailEvent   `json:"Records"`
	Events    []trailEvent   `json:"Events"`
	NextToken string         `json:"NextToken"`
}

// trail reads an export of CloudTrail: log files, the output of lookup-events, events of EventBridge,
// or single records, one behind the other.
func (s source) trail(o Options) (*Plan, error) {
	var events []trailEvent
	script := s.script(CloudTrail, o)
	d := json.NewDecoder(bytes.NewReader(s.text))
	for {
		rest := d.InputOffset()
		if len(bytes.TrimSpace(s.text[rest:])) == 0 {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, s.decode(s.text[rest:], rest, &value)
		}
		var all []trailEvent
		start := d.InputOffset() - int64(len(value))
		if value[0] == '[' {
			if err := s.decode(value, start, &all); err != nil {
				return nil, err
			}
		} else {
			var one trailEvent
			if err := s.decode(value, start, &one); err != nil {
				return nil, err
			}
			all = []trailEvent{one}
		}
		for _, e := range all {
			found, err := e.records()
			if err != nil {
				return nil, s.invalid(start, say.Sentence{}, "%s is not valid JSON: %s", "CloudTrailEvent", err)
			}
			events = append(events, found...)
			if e.NextToken != "" {
				script.plan.Notes = append(script.plan.Notes, say.F("this is incomplete: CloudTrail has more events (NextToken)"))
			}
		}
	}
	if len(events) == 0 && bytes.HasPrefix(bytes.TrimSpace(s.text), []byte("[")) {
		return nil, s.unknown()
	}
	times := make([]time.Time, len(events))
	for i, e := range events {
		at, err := time.Parse(time.RFC3339, e.Time)
		if err != nil {
			return nil, s.invalid(0, say.Sentence{}, "record %d: eventTime %q is not a time", i+1, e.Time)
		}
		times[i] = at
	}
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return times[a].Compare(times[b]) })
	g := &graph{width: 1}
	var before, now []int // nodes of the last second, and of this one
	var second time.Time
	for _, i := range order {
		e := events[i]
		calls := len(script.calls)
		r := request{name: e.Name, values: e.parameters(), response: object(upper(e.Response)), place: strings.TrimSpace(e.Time + " " + e.ID)}
		if e.ReadOnly || e.Source != "" && e.Source != "ec2.amazonaws.com" && e.Source != "elasticloadbalancing.amazonaws.com" {
			script.plan.Resources = append(script.plan.Resources, Resource{Address: r.place, Type: r.name, Use: NoEffect, Reason: say.F("it changes no security group")})
			continue
		}
		if err := script.take(r); err != nil {
			script.plan.Resources = append(script.plan.Resources, Resource{Address: r.place, Type: r.name, Use: NotUnderstood, Reason: say.F("%s", err)})
			continue
		}
		if len(script.calls) == calls {
			continue
		}
		c := script.calls[calls]
		c.failed, c.Resource = strings.TrimPrefix(e.Error, "Client."), r.place
		// Records have their time in seconds: two of the same second came in either order.
		if !times[i].Equal(second) {
			before, now, second = now, nil, times[i]
		}
		n := g.add(node{resource: c.Resource, calls: []Call{c}})
		for _, earlier := range before {
			g.connect(n, earlier)
		}
		now = append(now, n)
	}
	return script.done(g), nil
}

// records returns the records that a value holds.
func (e trailEvent) records() ([]trailEvent, error) {
	switch {
	case e.Detail != nil:
		return []trailEvent{*e.Detail}, nil
	case e.Lookup != "":
		var record trailEvent
		d := json.NewDecoder(strings.NewReader(e.Lookup))
		d.UseNumber()
		err := d.Decode(&record)
		return []trailEvent{record}, err
	case e.Records == nil && e.Events == nil:
		if e.Name == "" {
			return nil, nil
		}
		return []trailEvent{e}, nil
	}
	var all []trailEvent
	for _, inner := range append(e.Records, e.Events...) {
		records, err := inner.records()
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	return all, nil
}

// parameters returns the request's parameters under the API's names. CloudTrail writes them in lower
// case with lists as items, and those of newer operations within the name of the request, as in
// ModifySecurityGroupRulesRequest.
func (e trailEvent) parameters() values {
	v := object(upper(e.Request))
	if inner := v.blocks(e.Name + "Request"); len(inner) > 0 {
		v = inner[0]
	}
	for from, to := range map[string]string{
		"GroupSet": "Groups", "AclProtocol": "Protocol", "SecurityGroupRule": "SecurityGroupRules",
		"AddEntry": "AddEntries", "RemoveEntry": "RemoveEntries", "SecurityGroupRuleId": "SecurityGroupRuleIds",
	} {
		if value, given := v[from]; given {
			v[to] = value
			delete(v, from)
		}
	}
	for _, permission := range v.blocks("IpPermissions") {
		if groups, given := permission["Groups"]; given {
			permission["UserIdGroupPairs"] = groups
			delete(permission, "Groups")
		}
	}
	return v
}

// upper returns a value with names that begin with a capital, and lists without items around them.
// Empty objects are left out: CloudTrail writes them for lists that were not given.
func upper(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if items, is := value["items"]; is {
			return upper(items)
		}
		object := map[string]any{}
		for name, inner := range value {
			if name == "tag" {
				continue
			}
			if empty, is := inner.(map[string]any); is && len(empty) == 0 {
				continue
			}
			object[strings.ToUpper(name[:min(1, len(name))])+name[min(1, len(name)):]] = upper(inner)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, inner := range value {
			list[i] = upper(inner)
		}
		return list
	}
	return value
}
