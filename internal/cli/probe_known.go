package cli

import (
	"lablab/enforce"
	"lablab/lab"
	"lablab/packet"
	"lablab/say"
)

// judged returns what the host's model does with a packet: it decides by what conntrack knows about the
// flow, and not by the rules alone. The second result is false if only the rules decide.
func (q *question) judged(b lab.Probe) (accepted, is bool) {
	if b.Known == lab.Unknown && q.isEC2() {
		return false, false
	}
	if q.rules == nil {
		q.rules = q.host.Policy()
	}
	d := b.Judge(q.host.Model, q.rules)
	return d.Accepted, !q.isEC2() || d.Accepted && d.Kind != packet.ByGroup
}

// isEC2 reports whether the host has EC2's model.
func (q *question) isEC2() bool { return q.host.Model == enforce.Default() }

// fits returns an error if the host's model has no such packets.
func (q *question) fits(b lab.Probe) error {
	switch t := q.host.Model.Traits(); {
	case b.Forward && !t.Forwards:
		return say.Errorf("model %s cannot forward packets", t.Name)
	case b.Known == lab.KnownUntracked && !t.Untracks:
		return say.Errorf("model %s tracks every flow", t.Name)
	}
	return b.CheckKnown()
}

// known says what conntrack knew about the flow of the packet.
func (q *question) known() say.Sentence {
	flow, _ := q.packet.Began(0)
	switch q.packet.Known {
	case lab.KnownEstablished:
		return say.F("known and answered; it began in the same direction")
	case lab.KnownReply:
		return say.F("known and answered; it began in the other direction")
	case lab.KnownRelated:
		return say.F("the error is about %s, which is known and answered", flow)
	case lab.KnownUntracked:
		return say.F("known and answered, but not tracked by EC2; it began in the same direction")
	case lab.KnownInvalid:
		return say.F("none, and this packet can begin none")
	}
	return say.Sentence{}
}
