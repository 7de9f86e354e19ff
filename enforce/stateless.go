package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(7, stateless{}, Description{
		Summary:  say.F("The rules decide about each packet on its own, so replies need a rule too."),
		Decides:  say.F("The rules, in both directions. An entry does not count."),
		Change:   say.F("Nothing: there are no entries that count."),
		Evidence: say.F("No event: if conntrack has an entry, it stays, and the packets are dropped as established."),
	})
}

// A stateless model has the rules decide about each packet by itself, replies included.
type stateless struct{}

func (stateless) Traits() Traits {
	return Traits{Name: "stateless", Known: say.F("the rules are checked for every packet, also for replies")}
}

func (stateless) chains(c *compiler) []ruleset.Chain {
	return c.own(func(d packet.Direction) ruleset.Chain { return c.filter(d, nil) })
}

func (stateless) Judge(p Packet, rules Policy) Decision { return admitting(byRules(p, rules), p) }

func (stateless) Changed(Flow, Policy) Effect { return Stays }
