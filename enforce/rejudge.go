package enforce

import (
	"lablab/packet"
	"lablab/say"
)

func init() { register(6, rejudge{}) }

// A rejudge model accepts a flow for as long as the rule that its mark names is in force. Then the
// next packet, of either direction, has the rules decide about the flow again.
type rejudge struct{}

func (rejudge) Traits() Traits {
	return Traits{Name: "rejudge", ACL: true, Known: say.F("once the rule that admitted a flow is gone, the rules are checked again")}
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
