package enforce

import (
	"time"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(9, sweep{}, Description{
		Summary:  say.F("After a change, known flows go on until a sweep finds that no rule allows them; the sweep omits pings."),
		Decides:  say.F("Its conntrack entry, if that has the label of an accepted flow. Otherwise the rules decide about the packet, as one of its own direction, and the flow of an accepted packet gets the label again."),
		Change:   say.F("A sweep takes the label from TCP, UDP and SCTP entries that no rule allows any more."),
		Evidence: say.F("An UPDATE when the sweep takes the label; the id stays. Then the packets are dropped as established."),
	})
}

// A sweep model accepts what conntrack knows and a rule has admitted. Some time after a change it
// takes the mark of every flow that the rules would no longer allow to begin, but for ICMP; then the
// rules of its own direction decide about each packet, and one that they allow admits the flow again.
type sweep struct {
	atOnce bool
}

func (m sweep) Traits() Traits {
	t := Traits{Name: "sweep", ACL: true, Unmarks: true, Known: say.F("once a sweep has found that no rule allows a flow, the rules are checked for its packets"), Delay: 30 * time.Second}
	delay := Knob{
		Name: "delay", Means: say.F("how long after a change the sweep comes"),
		Value: "30s", Choices: []string{"30s", "none"}, with: func(value string) Model { return sweep{value == "none"} }}
	if m.atOnce {
		t.Delay, delay.Value = 0, "none"
	}
	t.Knobs = []Knob{delay}
	return t
}

func (sweep) chains(c *compiler) []ruleset.Chain {
	return append(c.own(func(d packet.Direction) ruleset.Chain {
		return c.filter(d, []ruleset.Rule{established(ruleset.CtMark{Not: true})}, c.passing(d)...)
	}), readmitting()...)
}

func (sweep) Judge(p Packet, rules Policy) Decision {
	if p.State == packet.Established && p.mark() != 0 {
		d, _ := byEntry(p, rules)
		return d
	}
	if d, related := byRelation(p, rules); related {
		return d
	}
	d := byRules(p, rules)
	if d.Accepted && (p.State == packet.New || p.State == packet.Established) {
		d.Write = Admitting
	}
	return d
}

func (sweep) Changed(f Flow, rules Policy) Effect {
	if f.Orig.Protocol.IsICMP() || f.Orig.Protocol == packet.TCP && f.TCP != "ESTABLISHED" {
		return Stays
	}
	if _, allowed := rules.Allows(f.Began, f.Seen(f.Began)); allowed || f.Mark == 0 {
		return Stays
	}
	return Unmarks
}
