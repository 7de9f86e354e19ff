package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(2, keep{}, Description{
		Summary:  say.F("A known flow goes on until it has been silent for its timeout; the rules decide about new flows only."),
		Decides:  say.F("Its conntrack entry."),
		Change:   say.F("Nothing: entries stay, and each packet refreshes its own."),
		Evidence: say.F("NEW and UPDATE as the flow begins, then no event; the packets are accepted as established."),
	})
}

// A keep model accepts what conntrack knows, whatever becomes of the rules.
type keep struct{}

func (keep) Traits() Traits { return Traits{Name: "keep", Forwards: true, ACL: true} }

func (keep) chains(c *compiler) []ruleset.Chain {
	return c.own(func(d packet.Direction) ruleset.Chain {
		return c.filter(d, []ruleset.Rule{established()}, c.passing(d)...)
	})
}

func (keep) Judge(p Packet, rules Policy) Decision {
	if d, known := byEntry(p, rules); known {
		return d
	}
	return admitting(byRules(p, rules), p)
}

func (keep) Changed(Flow, Policy) Effect { return Stays }
