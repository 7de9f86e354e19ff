package timeline

import (
	"maps"
	"slices"

	"lablab/flow"
)

// remembered returns the last n events and, of the earlier ones, those that made the lab what it
// was by then. Of these it keeps at most n/2 that are no longer in force.
func remembered(events []Event, n int) []Event {
	old, recent := events[:len(events)-n], events[len(events)-n:]
	lasting := map[subject]int{} // index in old
	for i, e := range old {
		note(lasting, i, e.Body)
	}
	places := slices.Sorted(maps.Values(lasting))
	excess := len(places) - n/2
	places = slices.DeleteFunc(places, func(i int) bool {
		if excess <= 0 || inForce(lasting, old[i].Body) {
			return false
		}
		excess--
		return true
	})
	kept := make([]Event, 0, len(places)+2*n)
	for _, i := range places {
		kept = append(kept, old[i])
	}
	return append(kept, recent...)
}

// A subject is the thing whose lasting state an event records. A later event about the same subject
// replaces an earlier one.
type subject struct {
	kind   string // kind of event
	name   string // host, stream or prefix list
	number uint32 // rule or entry
}

// note records what lasts of an event.
func note(lasting map[subject]int, i int, body Body) {
	s := subject{kind: body.kind()}
	switch body := body.(type) {
	case Begun, Ready, Configured:
	case CanaryDropped:
		s.name = body.Host
	case RuleAuthorized:
		s.number = body.Number
	case RuleRevoked:
		s.number = body.Number
	case GroupsChanged:
		s.name = body.Host
	case ACLChanged:
		s.name = body.Host
	case PrefixListChanged:
		s.name = body.PrefixList
	case Counted:
		s.name = body.Host
	case StreamStarted:
		s.name = body.Stream
	case StreamStopped:
		delete(lasting, subject{kind: StreamStarted{}.kind(), name: body.Stream})
		return
	case Missed:
		s.name = string(body.What) + " of " + body.Host
		// Keep the first loss, since when entries may be unknown, and the last, which has the total.
		first := subject{kind: "first " + s.kind, name: s.name}
		if _, known := lasting[first]; !known {
			lasting[first] = i
			return
		}
	case EntryChanged:
		s.name, s.number = body.Host, body.Entry.ID
		// Keep the entry as it was when it was new, as well as its current state.
		s.kind += string(body.Change)
		if body.Change == flow.Destroy {
			for _, change := range []flow.Change{flow.New, flow.Update} {
				delete(lasting, subject{body.kind() + string(change), s.name, s.number})
			}
			return
		}
	default:
		return
	}
	lasting[s] = i
}

// inForce reports whether the lab would differ without the event.
func inForce(lasting map[subject]int, body Body) bool {
	switch body := body.(type) {
	case Begun, Ready, Configured, CanaryDropped, GroupsChanged, ACLChanged, PrefixListChanged, Missed:
		return true
	case RuleAuthorized:
		_, revoked := lasting[subject{kind: RuleRevoked{}.kind(), number: body.Number}]
		return !revoked
	}
	return false
}
