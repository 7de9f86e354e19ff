package lab

import (
	"net/netip"
	"slices"

	"lablab/enforce"
	"lablab/flow"
	"lablab/packet"
	"lablab/play"
	"lablab/sg"
)

// An Effect is what changes did to existing flows.
type Effect struct {
	// Converted is how many flows with an entry are no longer tracked.
	Converted int
	// Untracked is what happens to flows that become tracked through the change.
	Untracked Fate
	// Deleted is how many entries the models of hosts have deleted.
	Deleted int
	// Rechecking are the models under which the rules, which have changed, decide about known flows too.
	Rechecking []enforce.Choice
	// ended holds, by host and the number of a rule, which peers the rule no longer applies to.
	ended map[string]map[uint32]func(netip.Addr) bool
	acls  []sg.SetACL // attached or removed
}

// A Fate is what happens to untracked flows when their host starts to track flows like them.
type Fate string

const (
	// Unchanged means that no flow became tracked.
	Unchanged Fate = ""
	// Dropped means that no rule allows their next packet.
	Dropped Fate = "dropped"
	// Checked means that the rules are checked for their next packet, and one may allow it.
	Checked Fate = "checked"
)

// effect returns what the change from another policy does to existing flows.
func (l *Lab) effect(from play.Policy, delta sg.Delta) Effect {
	e := Effect{ended: map[string]map[uint32]func(netip.Addr) bool{}, acls: delta.ACLs}
	for _, h := range l.hosts {
		if len(delta.Revoked)+len(delta.Attached)+len(delta.PrefixLists) > 0 {
			e.ended[h.Name] = l.ended(h, from)
		}
		fate := fateOf(l.policy.Groups(h.Name), from.Untracked(h.Host), l.policy.Untracked(h.Host))
		if e.Untracked != Checked && fate != Unchanged {
			e.Untracked = fate
		}
	}
	return e
}

// rechecking returns the models of hosts whose rules change, if these then decide about known flows.
func (l *Lab) rechecking(from, to map[*Host]enforce.Host) (list []enforce.Choice) {
	for _, h := range l.hosts {
		c := enforce.Choice{Model: h.Enforcement(), Product: h.Product}
		if h.own == nil && !c.Traits().Known.Empty() && !from[h].SameRules(to[h]) && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}

// ended returns the rules that no longer apply to a host, or to all of their peers.
func (l *Lab) ended(h *Host, from play.Policy) map[uint32]func(netip.Addr) bool {
	stay := rulesOn(l.policy, h)
	ended := map[uint32]func(netip.Addr) bool{}
	for number, r := range rulesOn(from, h) {
		if _, stays := stay[number]; !stays {
			ended[number] = func(netip.Addr) bool { return true }
			continue
		}
		if r.Peer.IsValid() {
			continue
		}
		before, _ := from.Account.Peers(r)
		now, _ := l.policy.Account.Peers(r)
		if !slices.Equal(before, now) {
			ended[number] = func(a netip.Addr) bool { return within(before, a) && !within(now, a) }
		}
	}
	return ended
}

func within(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Outlived counts the entries that were admitted by a rule that no longer applies to their flow.
// Conntrack keeps accepting those flows. Connections that TCP has closed do not count, nor do entries
// of hosts whose model ends such flows.
func (l *Lab) Outlived(e Effect) (int, error) {
	n := 0
	for host, ended := range e.ended {
		h, err := l.host(host)
		if err != nil || len(ended) == 0 || !h.keepsFlows() {
			continue
		}
		entries, err := l.tracked(host)
		if err != nil {
			return 0, err
		}
		for _, entry := range entries {
			outlived := slices.ContainsFunc(firstPackets(h, entry.Orig), func(p passage) bool {
				over, ends := ended[numberIn(entry, p.Direction)]
				return ends && over(p.Peer)
			})
			if outlived && entry.TCP != "TIME_WAIT" && entry.TCP != "CLOSE" {
				n++
			}
		}
	}
	return n, nil
}

// keepsFlows reports whether a flow of the host outlives its rule.
func (h *Host) keepsFlows() bool {
	t := h.Enforcement().Traits()
	return t.Known.Empty() && !t.Deletes
}

// Denied counts the entries whose flow is denied, in at least one direction, by an ACL that the
// change attached.
func (l *Lab) Denied(e Effect) (int, error) {
	n := 0
	for _, c := range e.acls {
		h, err := l.host(c.Interface)
		if err != nil || c.ACL == nil {
			continue
		}
		entries, err := l.tracked(c.Interface)
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if slices.ContainsFunc(append(firstPackets(h, e.Orig), firstPackets(h, e.Reply)...), func(p passage) bool {
				return !c.ACL.Allows(p.Direction, p.Packet)
			}) {
				n++
			}
		}
	}
	return n, nil
}

// numberIn returns the number of the rule that admitted a flow in a direction.
func numberIn(e flow.Entry, d packet.Direction) uint32 {
	if d == packet.Egress && e.Released != 0 {
		return e.Released
	}
	return e.Mark
}

// tracked lists the entries of the flows of a host that EC2 would track.
func (l *Lab) tracked(host string) ([]flow.Entry, error) {
	entries, err := l.Flows(host)
	return slices.DeleteFunc(entries, func(e flow.Entry) bool { return e.Untracked }), err
}

// rulesOn returns the rules that apply to a host, by their numbers.
func rulesOn(p play.Policy, h *Host) map[uint32]sg.GroupRule {
	on := map[uint32]sg.GroupRule{}
	for _, g := range p.Groups(h.Name) {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				on[p.Number(g.Key(), r.ID)] = sg.GroupRule{Group: g.Key(), Direction: d, Rule: r}
			}
		}
	}
	return on
}

// fateOf returns what happens to the untracked flows of a host, which stay untracked. The groups are
// those after the change; before and now are the flows that EC2 does not track before and after it.
func fateOf(groups []*sg.Group, before, now []sg.Untracked) Fate {
	fate := Unchanged
	for _, u := range before {
		if slices.ContainsFunc(now, u.Within) {
			continue
		}
		if anyRule(groups, u.Direction, u.Protocol, u.From, u.To) {
			return Checked
		}
		fate = Dropped
	}
	return fate
}

// anyRule reports whether a rule allows one of these ports to or from some address.
func anyRule(groups []*sg.Group, d packet.Direction, p packet.Protocol, from, to int) bool {
	return slices.ContainsFunc(groups, func(g *sg.Group) bool {
		return slices.ContainsFunc(g.Rules(d), func(r sg.Rule) bool {
			return r.Protocol == packet.All || r.Protocol == p && (r.From == sg.Any || r.From <= to && from <= r.To)
		})
	})
}
