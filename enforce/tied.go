package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(5, tied{}, Description{
		Summary:  say.F("Each rule brings a rule of its own for the replies, so both directions stop with it."),
		Decides:  say.F("The rules, in both directions. The entry only says which packets are replies."),
		Change:   say.F("Nothing."),
		Evidence: say.F("No event: the entry stays, and the packets of both directions are dropped as established."),
	})
}

// A tied model has each rule bring its own rule for replies: both directions of a flow end with the
// rule. That a flow is established only says which direction a packet goes.
type tied struct{}

func (tied) Traits() Traits {
	return Traits{Name: "tied", ACL: true, FlowsOnly: true, Known: say.F("a rule has to allow the flow, in both directions, for as long as it lasts")}
}

func (tied) chains(c *compiler) []ruleset.Chain {
	unknown := ruleset.Rule{
		Statements: []ruleset.Statement{ruleset.InState(packet.Invalid, packet.Untracked), ruleset.Counter{}, ruleset.Drop},
		Comment:    packet.DefaultDenyID, By: byDefault,
	}
	return c.byFlow(func(d packet.Direction, replies ruleset.Rule) ruleset.Chain {
		return c.filter(d, nil, append(c.passing(d), replies, unknown)...)
	})
}

func (tied) Judge(p Packet, rules Policy) Decision {
	switch {
	case p.State == packet.Related:
		if d, related := byRelation(p, rules); related {
			return d
		}
		return byRules(p, rules)
	case p.Flow == nil: // of no direction
		return Decision{By: byDefault}
	case p.Reply:
		return bySeen(p.Flow.Began, p.Flow.Seen(p.Flow.Began), rules)
	}
	return admitting(byRules(p, rules), p)
}

func (tied) Changed(Flow, Policy) Effect { return Stays }
