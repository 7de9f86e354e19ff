package enforce

import "lablab/say"

func init() { register(7, stateless{}) }

// A stateless model has the rules decide about each packet by itself, replies included.
type stateless struct{}

func (stateless) Traits() Traits {
	return Traits{Name: "stateless", Known: say.F("the rules are checked for every packet, also for replies")}
}

func (stateless) Judge(p Packet, rules Policy) Decision { return admitting(byRules(p, rules), p) }

func (stateless) Changed(Flow, Policy) Effect { return Stays }
