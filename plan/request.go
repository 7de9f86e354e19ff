package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A request is a request to AWS, with the members that its API has.
type request struct {
	name     string
	values   values
	response values // if it is known
	place    string // how people find it in the file
	line     int
}

// known reports whether a request changes what lablab knows.
func (r request) known() bool {
	return slices.Contains([]string{
		"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress",
		"UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress", "ModifySecurityGroupRules",
		"CreateSecurityGroup", "DeleteSecurityGroup", "ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute",
		"SetSecurityGroups", "ApplySecurityGroupsToLoadBalancer", "ModifyManagedPrefixList", "DeleteManagedPrefixList",
		"CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry",
	}, r.name)
}

// operation returns what a request changes. It is nil, without an error, if it changes nothing that
// lablab knows.
func (r request) operation(a *sg.Account) (operation, error) {
	direction := packet.Ingress
	if strings.HasSuffix(r.name, "Egress") {
		direction = packet.Egress
	}
	switch r.name {
	case authorizeName(direction):
		group, err := r.group(a)
		if err != nil {
			return nil, err
		}
		rules, err := r.rules()
		return authorize{group, direction, rules}, err
	case revokeName(direction):
		group, err := r.group(a)
		if err != nil {
			return nil, err
		}
		if ids := r.ids("SecurityGroupRuleIds"); len(ids) > 0 {
			rules := make([]sg.Rule, len(ids))
			for i, id := range ids {
				rules[i].ID = id
			}
			return revoke{group, direction, rules}, nil
		}
		rules, err := r.rules()
		return revoke{group, direction, rules}, err
	case "UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress":
		group, err := r.group(a)
		return nothing{group}, err
	case "ModifySecurityGroupRules":
		return r.modifyRules(a)
	case "CreateSecurityGroup":
		name := r.values.text("GroupName")
		if name == "" {
			return nil, say.Errorf("%s is missing", "GroupName")
		}
		id := name
		if given := r.response.text("GroupId"); given != "" {
			id = given
		}
		return createGroup{id: id, name: name, vpc: r.values.text("VpcId")}, nil
	case "DeleteSecurityGroup":
		group, err := r.group(a)
		return deleteGroup{group}, err
	case "ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute":
		if _, given := r.values["Groups"]; !given {
			return nil, nil
		}
		target, err := r.text("NetworkInterfaceId", "InstanceId")
		return attach{target: target, groups: r.ids("Groups")}, err
	case "SetSecurityGroups", "ApplySecurityGroupsToLoadBalancer":
		target, err := r.text("LoadBalancerArn", "LoadBalancerName")
		return attach{target: target, groups: r.ids("SecurityGroups")}, err
	case "ModifyManagedPrefixList":
		return r.entries()
	case "DeleteManagedPrefixList":
		id, err := r.text("PrefixListId")
		return deleteList{id}, err
	case "CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry":
		return r.aclEntry()
	}
	return nil, nil
}

// text returns the first of these members that is given.
func (r request) text(names ...string) (string, error) {
	for _, name := range names {
		if text := r.values.text(name); text != "" {
			return text, nil
		}
	}
	return "", say.Errorf("%s is missing", names[0])
}

// group returns the id of the request's group; one with a name only is looked up.
func (r request) group(a *sg.Account) (string, error) {
	if id := r.values.text("GroupId"); id != "" {
		return id, nil
	}
	name := r.values.text("GroupName")
	if name == "" {
		return "", say.Errorf("%s is missing", "GroupId")
	}
	var found []string
	for _, g := range a.Groups {
		if g.Name == name {
			found = append(found, g.ID)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return name, nil // the file may have created it
}

// ids returns a member that is a list of ids, or of objects with one member each.
func (r request) ids(name string) (ids []string) {
	ids, _ = r.values.texts(name)
	for _, block := range r.values.blocks(name) {
		for _, member := range []string{"GroupId", "SecurityGroupRuleId"} {
			if id := block.text(member); id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// rules returns the rules of a request, one for each source and without ids.
func (r request) rules() ([]sg.Rule, error) {
	permissions, given := r.values["IpPermissions"]
	if !given {
		permission, err := r.flat()
		if err != nil {
			return nil, err
		}
		permissions = []any{permission}
	}
	if list, is := permissions.([]any); is && len(list) == 0 {
		return nil, say.Errorf("%s is missing", "IpPermissions")
	}
	text, is := permissions.(string)
	if !is {
		written, err := json.Marshal(permissions)
		if err != nil {
			return nil, err
		}
		text = string(written)
	}
	rules, err := sg.Permissions(text)
	var wrong *sg.FileError
	if errors.As(err, &wrong) {
		err = say.Errorf("%s", wrong.Message)
	}
	for i := range rules {
		rules[i].ID = ""
	}
	return rules, err
}

// flat makes a permission of the members that a request for a single one may have instead.
func (r request) flat() (map[string]any, error) {
	permission := map[string]any{}
	for _, name := range []string{"IpProtocol", "FromPort", "ToPort"} {
		if value, given := r.values[name]; given {
			permission[name] = value
		}
	}
	cidr, group := r.values.text("CidrIp"), r.values.text("SourceSecurityGroupId")
	name := r.values.text("SourceSecurityGroupName")
	switch {
	case strings.Contains(cidr, ":"):
		permission["Ipv6Ranges"] = []any{map[string]any{"CidrIpv6": cidr}}
	case cidr != "":
		permission["IpRanges"] = []any{map[string]any{"CidrIp": cidr}}
	case group != "":
		permission["UserIdGroupPairs"] = []any{map[string]any{"GroupId": group}}
	case name != "":
		permission["UserIdGroupPairs"] = []any{map[string]any{"GroupName": name}}
	default:
		return nil, say.Errorf("%s is missing", "IpPermissions")
	}
	return permission, nil
}

func (r request) modifyRules(a *sg.Account) (operation, error) {
	group, err := r.group(a)
	if err != nil {
		return nil, err
	}
	o := modifyRules{group: group}
	for _, change := range r.values.blocks("SecurityGroupRules") {
		id := change.text("SecurityGroupRuleId")
		for _, rule := range change.blocks("SecurityGroupRule") {
			permission := map[string]any{"IpProtocol": rule["IpProtocol"]}
			for _, name := range []string{"FromPort", "ToPort"} {
				if value, given := rule[name]; given {
					permission[name] = value
				}
			}
			described := func(name, value string) []any { return []any{map[string]any{name: value}} }
			for _, source := range []struct{ member, list, name string }{
				{"CidrIpv4", "IpRanges", "CidrIp"}, {"CidrIpv6", "Ipv6Ranges", "CidrIpv6"},
				{"PrefixListId", "PrefixListIds", "PrefixListId"}, {"ReferencedGroupId", "UserIdGroupPairs", "GroupId"},
			} {
				if value := rule.text(source.member); value != "" {
					permission[source.list] = described(source.name, value)
				}
			}
			rules, err := request{values: values{"IpPermissions": []any{permission}}}.rules()
			switch {
			case err != nil:
				return nil, err
			case len(rules) != 1:
				return nil, say.Errorf("a rule has exactly one source, not %d", len(rules))
			}
			rules[0].ID, rules[0].Description = id, rule.text("Description")
			o.rules = append(o.rules, rules[0])
		}
		if id == "" {
			return nil, say.Errorf("%s is missing", "SecurityGroupRuleId")
		}
	}
	if len(o.rules) == 0 {
		return nil, say.Errorf("%s is missing", "SecurityGroupRules")
	}
	return o, nil
}

func (r request) entries() (operation, error) {
	id, err := r.text("PrefixListId")
	if err != nil {
		return nil, err
	}
	o := entries{list: id}
	for name, to := range map[string]*[]netip.Prefix{"AddEntries": &o.add, "RemoveEntries": &o.remove} {
		for _, block := range r.values.blocks(name) {
			p, err := netip.ParsePrefix(block.text("Cidr"))
			if err != nil {
				return nil, say.Errorf("%q is not an address range in CIDR notation, such as 203.0.113.0/24", block.text("Cidr"))
			}
			*to = append(*to, p.Masked())
		}
	}
	if len(o.add)+len(o.remove) == 0 { // its name or size changes
		return nil, nil
	}
	return o, nil
}

func (r request) aclEntry() (operation, error) {
	id, err := r.text("NetworkAclId")
	if err != nil {
		return nil, err
	}
	o := aclEntry{acl: id, direction: packet.Ingress, verb: createEntry}
	if r.values.yes("Egress") {
		o.direction = packet.Egress
	}
	if r.name == "DeleteNetworkAclEntry" {
		n, given := r.values.number("RuleNumber")
		if !given {
			return nil, say.Errorf("%s is missing", "RuleNumber")
		}
		o.verb, o.rule.Number = deleteEntry, n
		return o, nil
	}
	if r.name == "ReplaceNetworkAclEntry" {
		o.verb = replaceEntry
	}
	v := values{
		"rule_no": r.values["RuleNumber"], "action": r.values["RuleAction"], "protocol": r.values["Protocol"],
		"cidr_block": r.values["CidrBlock"], "ipv6_cidr_block": r.values["Ipv6CidrBlock"],
	}
	for _, block := range r.values.blocks("PortRange") {
		v["from_port"], v["to_port"] = block["From"], block["To"]
	}
	for _, block := range r.values.blocks("IcmpTypeCode") {
		v["icmp_type"], v["icmp_code"] = block["Type"], block["Code"]
	}
	o.rule, err = v.aclRule("rule_no", "action")
	return o, err
}

// A script is requests in the order in which they were written, and what became of each.
type script struct {
	source
	plan  *Plan
	start *state
	calls []Call
}

func (s source) script(kind Kind, o Options) *script {
	account := &sg.Account{}
	if o.Account != nil {
		account = o.Account.Clone()
	}
	start := newState(account)
	start.quota = o.Quota
	return &script{source: s, plan: &Plan{File: s.file, Kind: kind}, start: start}
}

// take adds a request.
func (s *script) take(r request) error {
	o, err := r.operation(s.start.account)
	report := Resource{Address: r.place, Type: r.name, Use: Used, Reason: say.N(1, "%d call", "%d calls")}
	if err != nil {
		return err
	}
	if o == nil {
		report.Use, report.Reason = NoEffect, say.F("it changes no security group")
	} else {
		s.calls = append(s.calls, Call{Name: r.name, Line: r.line, operation: o})
	}
	if created, is := o.(createGroup); is {
		s.start.absent[created.id] = true
	}
	s.plan.Resources = append(s.plan.Resources, report)
	return nil
}

// done returns the plan with its calls in the order of the graph.
func (s *script) done(g *graph) *Plan {
	s.plan.settle(g)
	s.plan.suppose(s.start)
	return s.plan
}

// suppose adds to the account what the calls need to succeed and what is not known: the groups, rules
// and entries that they remove. Rules that are known by their ids only cannot be supposed.
func (p *Plan) suppose(start *state) {
	start.partial = map[string]bool{}
	s := start.clone()
	for i, c := range p.Calls {
		if c.failed != "" {
			continue
		}
		for _, add := range supposed(c.operation, s) {
			add(start)
			add(s)
		}
		if gone := unknownRules(c.operation, s); len(gone) > 0 {
			p.Calls[i].Unresolved = []Unknown{{Attribute: strings.Join(gone, ", "), Reason: say.F("the content of the rule is not known")}}
			continue
		}
		if o, is := c.operation.(modifyRules); is {
			p.Calls[i].operation = o.found(s)
		}
		if o, is := c.operation.(attach); is {
			if was, found := s.account.Interface(o.target); found {
				o.was = was.Groups
			} else {
				o.was = s.attached[o.target]
			}
			p.Calls[i].operation = o
		}
		after := s.clone()
		if err := c.operation.apply(after); err == nil {
			s = after
		}
	}
	p.start, p.Before = start, start.account
	for id := range start.partial {
		p.Partial = append(p.Partial, id)
	}
	slices.Sort(p.Partial)
}

// found returns the operation with the rules that it replaces.
func (o modifyRules) found(s *state) modifyRules {
	if g := s.account.Group(o.group); g != nil {
		for _, r := range o.rules {
			if was, d, found := g.Find(r.ID); found {
				o.was, o.direction = append(o.was, was), d
			}
		}
	}
	return o
}

// unknownRules returns the ids that a call names and that no rule of a partly known group has.
func unknownRules(o operation, s *state) (ids []string) {
	var rules []sg.Rule
	switch o := o.(type) {
	case revoke:
		rules = o.rules
	case modifyRules:
		rules = o.rules
	}
	g := s.account.Group(o.about().group)
	if g == nil || !s.partial[g.ID] {
		return nil
	}
	for _, r := range rules {
		if _, _, found := g.Find(r.ID); r.ID != "" && !found {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// supposed returns what is to be added to a state so that a call can succeed, as far as the state is
// only partly known.
func supposed(o operation, s *state) (additions []func(*state)) {
	id := o.about().group
	if _, creates := o.(createGroup); id != "" && !creates && !s.absent[id] && s.account.Group(id) == nil {
		add := func(s *state) {
			s.account.Groups = append(s.account.Groups, &sg.Group{ID: id, Tags: map[string]string{}})
			s.partial[id] = true // in both: they share it
		}
		additions = append(additions, add)
		s = s.clone()
		add(s)
	}
	switch o := o.(type) {
	case revoke:
		g := s.account.Group(o.group)
		for _, r := range o.rules {
			if g == nil || !s.partial[o.group] || r.ID != "" || slices.ContainsFunc(g.Rules(o.direction), r.Same) {
				continue
			}
			additions = append(additions, func(s *state) {
				if g, err := s.group(o.group); err == nil {
					r.ID = fmt.Sprintf("%s:%s:%d", o.group, o.direction, len(g.Rules(o.direction))+1)
					_ = g.Authorize(o.direction, r) // or EC2 rejects the call too
				}
			})
		}
	case entries:
		if !slices.ContainsFunc(s.account.PrefixLists, func(l sg.PrefixList) bool { return l.ID == o.list }) || s.partial[o.list] {
			additions = append(additions, func(s *state) { s.supposeEntries(o.list, o.remove) })
		}
	case aclEntry:
		if _, known := s.acls[o.acl]; !known || s.partial[o.acl] {
			additions = append(additions, func(s *state) { s.supposeEntry(o) })
		}
	}
	return additions
}

// supposeEntries adds a prefix list with entries, or those to it that it does not have.
func (s *state) supposeEntries(list string, all []netip.Prefix) {
	i := slices.IndexFunc(s.account.PrefixLists, func(l sg.PrefixList) bool { return l.ID == list })
	if i < 0 {
		s.account.PrefixLists = append(s.account.PrefixLists, sg.PrefixList{ID: list, Known: true})
		i, s.partial[list] = len(s.account.PrefixLists)-1, true
	}
	l := &s.account.PrefixLists[i]
	for _, p := range all {
		if !slices.Contains(l.Entries, p) {
			l.Entries = append(slices.Clone(l.Entries), p)
		}
	}
}

// supposeEntry adds a network ACL, and the entry that a call replaces or removes.
func (s *state) supposeEntry(o aclEntry) {
	if _, known := s.acls[o.acl]; !known {
		s.acls[o.acl] = sg.ACL{}
		s.partial[o.acl] = true
	}
	if o.verb != createEntry {
		o.verb = createEntry
		_ = o.apply(s) // unless it is there
	}
}

// lines reads JSON Lines of calls.
func (s source) lines(o Options) (*Plan, error) {
	script := s.script(CallLines, o)
	offset := int64(0)
	for n, line := range bytes.SplitAfter(s.text, []byte("\n")) {
		start := offset
		offset += int64(len(line))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var call struct {
			Call     string         `json:"call"`
			Request  map[string]any `json:"request"`
			Response map[string]any `json:"response"`
		}
		if err := s.decode(line, start, &call); err != nil {
			return nil, err
		}
		if call.Call == "" {
			return nil, s.invalid(start, say.F("write one call per line: {\"call\":\"RevokeSecurityGroupIngress\",\"request\":{…}}"), "%s is missing", "call")
		}
		if err := script.take(request{name: call.Call, values: call.Request, response: call.Response, place: fmt.Sprintf("%s:%d", s.file, n+1), line: n + 1}); err != nil {
			return nil, s.invalid(start, say.Sentence{}, "%s: %s", call.Call, err)
		}
	}
	g := &graph{width: 1}
	g.chain(script.calls)
	return script.done(g), nil
}
