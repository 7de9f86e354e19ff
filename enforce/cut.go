package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(3, cut{}, Description{
		Summary:  say.F("A change deletes conntrack entries, so the next packet is new, and the rules decide about it."),
		Decides:  say.F("Its conntrack entry, for as long as there is one."),
		Change:   say.F("First the rules change, then entries are deleted. Packets in between are still accepted."),
		Evidence: say.F("DESTROY at the change; then the packets are dropped as new. When a rule allows the flow again, a NEW entry with another id."),
	})
}

// A cut model accepts what conntrack knows, and deletes entries when the rules have changed. What is
// sent afterwards is new: the rules of its own direction decide.
type cut struct {
	scope  scope
	strict bool // conntrack does not pick up TCP connections mid-stream
}

// A scope is which entries a change deletes.
type scope uint8

const (
	matching scope = iota // those whose rule is gone, or no longer matches
	inbound               // those of all flows that came in
	all
)

func (m cut) Traits() Traits {
	loose := !m.strict
	scopes, tcp := []string{"matching", "inbound", "all"}, []string{"loose", "strict"}
	return Traits{Name: "cut", Loose: &loose, Forwards: true, ACL: true, Deletes: true, Knobs: []Knob{
		{
			Name: "scope", Means: say.F("which entries are deleted: those that the removed rule admitted, those of inbound flows, or all"),
			Value: scopes[m.scope], Choices: scopes, with: func(value string) Model {
				m.scope = map[string]scope{"matching": matching, "inbound": inbound, "all": all}[value]
				return m
			}},
		{
			Name: "tcp", Means: say.F("whether conntrack picks up a TCP connection mid-stream (loose) or not (strict)"),
			Value: map[bool]string{false: "loose", true: "strict"}[m.strict], Choices: tcp, with: func(value string) Model {
				m.strict = value == "strict"
				return m
			}},
	}}
}

func (cut) chains(c *compiler) []ruleset.Chain { return keep{}.chains(c) }

func (cut) Judge(p Packet, rules Policy) Decision { return keep{}.Judge(p, rules) }

func (m cut) Changed(f Flow, rules Policy) Effect {
	switch {
	case m.scope == matching && f.covered(rules), m.scope == inbound && f.Began != packet.Ingress:
		return Stays
	}
	return Deletes
}
