package enforce

import (
	"slices"

	"lablab/packet"
	"lablab/sg"
)

func init() { register(1, aws{}) }

// An aws model is EC2's: a tracked flow outlives its rule, and the rules decide about each packet of
// an untracked one (EC2 user guide, "Security group connection tracking").
type aws struct {
	// byPacket is whether a tracked flow that becomes untracked does so with its next packet. AWS does
	// not document when.
	byPacket bool
}

func (m aws) Traits() Traits {
	conversion := Knob{
		Name: "conversion", Value: "at-once", Choices: []string{"at-once", "by-packet"},
		with: func(value string) Model { return aws{value == "by-packet"} },
	}
	if m.byPacket {
		conversion.Value = "by-packet"
	}
	return Traits{Name: "aws", Knobs: []Knob{conversion}, Forwards: true, ACL: true, Untracks: true}
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
