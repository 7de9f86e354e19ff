package enforce

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

func init() {
	register(1, aws{}, Description{
		Summary:  say.F("A tracked flow outlives its rule; an untracked one stops with it."),
		Decides:  say.F("Of a tracked flow, its conntrack entry. Of an untracked one (TCP or UDP that is open to the world one way, and on all ports the other way), the rules, packet by packet."),
		Change:   say.F("Entries stay. A flow that stops being tracked has an entry that no longer counts."),
		Evidence: say.F("Tracked: no event, and the packets are accepted as established. Untracked: no event, and the packets are dropped by the rules although there is an entry. An UPDATE shows that a flow stops being tracked."),
	})
}

// An aws model is EC2's: a tracked flow outlives its rule, and the rules decide about each packet of
// an untracked one (EC2 user guide, "Security group connection tracking").
type aws struct {
	// byPacket is whether a tracked flow that becomes untracked does so with its next packet. AWS does
	// not document when.
	byPacket bool
}

func (m aws) Traits() Traits {
	conversion := Knob{
		Name: "conversion", Means: say.F("whether a flow stops being tracked with the change, or with its next packet"),
		Value: "at-once", Choices: []string{"at-once", "by-packet"},
		with: func(value string) Model { return aws{value == "by-packet"} },
	}
	if m.byPacket {
		conversion.Value = "by-packet"
	}
	return Traits{Name: "aws", Knobs: []Knob{conversion}, Forwards: true, ACL: true, Untracks: true}
}

func (aws) chains(c *compiler) []ruleset.Chain {
	c.exempt = serviceRules
	known := established()
	if c.marks() {
		known = established(ruleset.CtMark{Value: uint32(packet.UntrackedMark), Not: true})
	}
	return c.own(func(d packet.Direction) ruleset.Chain {
		return c.filter(d, []ruleset.Rule{known}, c.passing(d)...)
	})
}

func (aws) Judge(p Packet, rules Policy) Decision {
	untracks, untracked := false, false
	if p.Flow != nil && p.State != packet.Related {
		untracked = p.Flow.Mark == packet.UntrackedMark
		untracks = !untracked && !p.Forwarded && isUntracked(*p.Flow, rules)
		untracked = untracked || untracks
	}
	d := byEC2(p, rules, untracked)
	d.Untracks = untracks
	if d.Accepted && p.State == packet.New && !untracked {
		d.Write = Admitting
	}
	return d
}

func byEC2(p Packet, rules Policy, untracked bool) Decision {
	if p.State == packet.Established && (p.Forwarded || !untracked) {
		d, _ := byEntry(p, rules)
		return d
	}
	if p.Direction == packet.Egress && slices.Contains(sg.Services(), p.Destination) {
		return Decision{By: packet.By{Kind: packet.ByService, ID: packet.AmazonServiceID}, Accepted: true}
	}
	if d, related := byRelation(p, rules); related {
		return d
	}
	return byRules(p, rules)
}

func isUntracked(f Flow, rules Policy) bool {
	return slices.ContainsFunc(rules.Untracked(), func(u sg.Untracked) bool { return u.Covers(f.Began, f.Seen(f.Began)) })
}

func (m aws) Changed(f Flow, rules Policy) Effect {
	if !m.byPacket && !f.Forwarded && f.Mark != packet.UntrackedMark && isUntracked(f, rules) {
		return Untracks
	}
	return Stays
}
