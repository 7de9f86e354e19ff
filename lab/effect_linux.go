package lab

import (
	"slices"

	"lablab/packet"
	"lablab/sg"
)

// An Effect is what a change to the groups did to existing flows.
type Effect struct {
	// Deleted is how many entries were deleted because their flows are no longer tracked.
	Deleted int
	// Untracked is what happens to flows that become tracked through the change.
	Untracked Fate
	// gone holds, by host, the numbers of the rules that applied only before the change.
	gone map[string][]uint32
}

// A Fate is what happens to flows without an entry when their host starts to track them.
type Fate string

const (
	// Unchanged means that no flow became tracked.
	Unchanged Fate = ""
	// Dropped means that no rule allows their next packet.
	Dropped Fate = "dropped"
	// Checked means that the rules are checked for their next packet, and one may allow it.
	Checked Fate = "checked"
)

// Outlived counts the entries that were admitted by a rule that no longer applies to their host.
// Conntrack keeps accepting those flows. Connections that TCP has closed do not count.
func (l *Lab) Outlived(e Effect) (int, error) {
	n := 0
	for host, gone := range e.gone {
		entries, err := l.Flows(host)
		if err != nil {
			return 0, err
		}
		for _, entry := range entries {
			if slices.Contains(gone, entry.Mark) && entry.TCP != "TIME_WAIT" && entry.TCP != "CLOSE" {
				n++
			}
		}
	}
	return n, nil
}

// Denied counts the entries of a host whose flow an ACL denies in at least one direction.
func (l *Lab) Denied(host string, acl sg.ACL) (int, error) {
	h, err := l.host(host)
	if err != nil {
		return 0, err
	}
	entries, err := l.Flows(host)
	n := 0
	for _, e := range entries {
		sent, there := firstPacket(h, e.Orig)
		answered, back := firstPacket(h, e.Reply)
		if !acl.Allows(sent, there) || !acl.Allows(answered, back) {
			n++
		}
	}
	return n, err
}

// numbersOn returns the numbers of the rules that apply to a host.
func numbersOn(account *sg.Account, numbers map[ruleKey]uint32, h *Host) map[uint32]bool {
	on := map[uint32]bool{}
	for _, g := range carried(account, h) {
		for _, d := range bothDirections {
			for _, r := range g.Rules(d) {
				on[numbers[ruleKey{g.Key(), r.ID}]] = true
			}
		}
	}
	return on
}

// gone returns the numbers that only the first set has.
func gone(before, now map[uint32]bool) (numbers []uint32) {
	for n := range before {
		if !now[n] {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// fateOf returns what happens to flows that become tracked on a host. The groups are those after
// the change; before and now are the untracked flows before and after it.
func fateOf(groups []*sg.Group, before, now []sg.Untracked, loose bool) Fate {
	fate := Unchanged
	for _, u := range before {
		if slices.ContainsFunc(now, u.Within) {
			continue
		}
		// Where conntrack picks up a flow mid-stream, the host's own next packet can create an
		// entry that admits the other side.
		sends := (loose || u.Protocol == packet.UDP) && anyRule(groups, u.Direction.Opposite(), u.Protocol, 0, lastPort)
		if sends || anyRule(groups, u.Direction, u.Protocol, u.From, u.To) {
			return Checked
		}
		fate = Dropped
	}
	return fate
}

const lastPort = 65535

// anyRule reports whether a rule allows one of these ports to or from some address.
func anyRule(groups []*sg.Group, d packet.Direction, p packet.Protocol, from, to int) bool {
	return slices.ContainsFunc(groups, func(g *sg.Group) bool {
		return slices.ContainsFunc(g.Rules(d), func(r sg.Rule) bool {
			return r.Protocol == packet.All || r.Protocol == p && (r.From == sg.Any || r.From <= to && from <= r.To)
		})
	})
}
