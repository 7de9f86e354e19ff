package timeline

import (
	"maps"
	"slices"

	"lablab/flow"
)

// remembered are the last n events, and of those before them the ones that made the lab
// what it was then; of these at most n/2, as far as they are not in force.
func remembered(events []Event, n int) []Event {
	old, recent := events[:len(events)-n], events[len(events)-n:]
	lasting := map[subject]int{} // where in old
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

// A subject is what an event says something lasting about: what is said of it later
// takes its place.
type subject struct {
	kind   string // of event
	name   string // of a host or a stream
	number uint32 // of a rule or an entry
}

// note takes an event into what lasts.
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
	case Counted:
		s.name = body.Host
	case StreamStarted:
		s.name = body.Stream
	case StreamStopped:
		delete(lasting, subject{kind: StreamStarted{}.kind(), name: body.Stream})
		return
	case EntryChanged:
		s.name, s.number = body.Host, body.Entry.ID
		// What it was when it was new stays beside what it is.
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

// inForce is whether the lab would be another without what the event says.
func inForce(lasting map[subject]int, body Body) bool {
	switch body := body.(type) {
	case Begun, Ready, Configured, CanaryDropped, GroupsChanged, ACLChanged:
		return true
	case RuleAuthorized:
		_, revoked := lasting[subject{kind: RuleRevoked{}.kind(), number: body.Number}]
		return !revoked
	}
	return false
}
