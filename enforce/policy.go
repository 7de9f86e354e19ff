package enforce

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

// Policy returns what the rules of the host say, as they are compiled.
func (h Host) Policy() Policy {
	c := compiler{Host: h, rules: map[packet.Direction][]rule{}, untracked: h.untracked()}
	c.compileGroups()
	return policy{&c}
}

// SameRules reports whether both hosts have the same rules, with the same members of their peers.
func (h Host) SameRules(o Host) bool {
	one, other := h.Policy().(policy), o.Policy().(policy)
	if !slices.EqualFunc(one.sets, other.sets, func(a, b ruleset.Set) bool { return a.Name == b.Name && a.SameMembers(b) }) {
		return false
	}
	for _, d := range directions() {
		if !slices.Equal(one.numbers(d), other.numbers(d)) {
			return false
		}
	}
	return true
}

// A policy is what the compiled rules of a host say.
type policy struct{ *compiler }

// numbers returns the numbers of the rules for a direction, sorted.
func (p policy) numbers(d packet.Direction) []uint32 {
	var numbers []uint32
	for _, r := range p.rules[d] {
		numbers = append(numbers, r.number)
	}
	slices.Sort(numbers)
	return numbers
}

func (p policy) Allows(d packet.Direction, seen sg.Packet) (packet.By, bool) {
	i := slices.IndexFunc(p.rules[d], func(r rule) bool { return p.allows(r, seen) })
	if i < 0 {
		return packet.By{}, false
	}
	r := p.rules[d][i]
	return packet.By{Kind: packet.ByGroup, ID: r.ID, Number: r.number}, true
}

func (p policy) Covers(number uint32, d packet.Direction, seen sg.Packet) bool {
	return slices.ContainsFunc(p.rules[d], func(r rule) bool { return r.number == number && p.allows(r, seen) })
}

func (p policy) InForce(number uint32) bool {
	return slices.ContainsFunc(directions(), func(d packet.Direction) bool {
		return slices.ContainsFunc(p.rules[d], func(r rule) bool { return r.number == number })
	})
}

func (p policy) Related(h packet.Header) bool { return p.Host.Related.Accepts(h) }

func (p policy) Untracked() []sg.Untracked { return p.untracked }

// allows reports whether a rule allows a packet.
func (p policy) allows(r rule, seen sg.Packet) bool {
	if !r.AllowsWhat(seen) {
		return false
	}
	if r.set == "" {
		return r.Peer.Contains(seen.Peer)
	}
	return slices.ContainsFunc(p.sets, func(s ruleset.Set) bool {
		return s.Name == r.set && slices.ContainsFunc(s.Ranges, func(of ruleset.Range) bool {
			return of.First.Compare(seen.Peer) <= 0 && seen.Peer.Compare(of.Last) <= 0
		})
	})
}

// Accepts reports whether an ICMP error about a known flow needs no rule.
func (r Related) Accepts(h packet.Header) bool {
	const unreachable, fragmentationNeeded, tooBig = 3, 4, 2 // type and code, RFC 792; type, RFC 4443
	switch r {
	case RelatedAll:
		return true
	case RelatedPMTU:
		return h.Protocol == packet.ICMP && h.ICMPType == unreachable && h.ICMPCode == fragmentationNeeded || h.Protocol == packet.ICMPv6 && h.ICMPType == tooBig
	}
	return false
}
