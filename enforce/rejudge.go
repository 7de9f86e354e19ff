package enforce

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(6, rejudge{}, Description{
		Summary:  say.F("After a change, the rules decide once more about each known flow, at its next packet in either direction."),
		Decides:  say.F("Its conntrack entry, until the rules change. Then the rules decide about the flow as it began, and the entry counts again if one allows it."),
		Change:   say.F("No entry is deleted, but one that was admitted by a removed rule no longer counts."),
		Evidence: say.F("An UPDATE of the entry's mark if another rule admits the flow; the id stays. Otherwise no event, and the packets are dropped as established."),
	})
}

// A rejudge model accepts a flow for as long as the rule that its mark names is in force. Then the
// next packet, of either direction, has the rules decide about the flow again.
type rejudge struct{}

func (rejudge) Traits() Traits {
	return Traits{Name: "rejudge", ACL: true, Unmarks: true, Known: say.F("once the rule that admitted a flow is gone, the rules are checked again")}
}

func (rejudge) chains(c *compiler) []ruleset.Chain {
	live := ruleset.Set{Name: "live", Type: ruleset.Marks}
	for _, d := range directions() {
		for _, r := range c.rules[d] {
			live.Marks = append(live.Marks, r.number)
		}
	}
	slices.Sort(live.Marks)
	live.Marks = slices.Compact(live.Marks)
	c.sets = append(c.sets, live)
	return append(c.byFlow(func(d packet.Direction, replies ruleset.Rule) ruleset.Chain {
		return c.filter(d, []ruleset.Rule{established(ruleset.CtMark{Set: live.Name})}, append(c.passing(d), replies)...)
	}), readmitting()...)
}

func (rejudge) Judge(p Packet, rules Policy) Decision {
	switch p.State {
	case packet.Established, packet.New:
		if p.State == packet.Established && rules.InForce(p.mark().Admitted()) {
			d, _ := byEntry(p, rules)
			return d
		}
		d := bySeen(p.Flow.Began, p.Flow.Seen(p.Flow.Began), rules)
		if d.Accepted {
			d.Write = Admitting
		}
		return d
	}
	if d, related := byRelation(p, rules); related {
		return d
	}
	return byRules(p, rules)
}

// Changed takes the mark of a flow whose rule is in force and has come to match other peers.
func (rejudge) Changed(f Flow, rules Policy) Effect {
	if rules.InForce(f.Mark.Admitted()) && !f.covered(rules) {
		return Unmarks
	}
	return Stays
}
