package cli

import (
	"slices"

	"lablab/lab"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// passes reports whether a packet needs no rule, because of what conntrack knows about its flow.
func (q *question) passes(b lab.Probe) bool {
	switch b.Known {
	case lab.KnownEstablished, lab.KnownReply:
		return b.Forward || !q.neverTracked(b)
	case lab.KnownRelated:
		switch q.related {
		case "all":
			return true
		case "pmtud":
			const unreachable, fragmentationNeeded, tooBig = 3, 4, 2 // RFC 792, RFC 4443
			return b.Protocol == packet.ICMP && b.Type == unreachable && b.Code == fragmentationNeeded || b.Protocol == packet.ICMPv6 && b.Type == tooBig
		}
	}
	return false
}

// neverTracked reports whether EC2 would not track the flow of a packet, going by the flow's first
// packet.
func (q *question) neverTracked(b lab.Probe) bool {
	d, first := b.Packet()
	if b.Known == lab.KnownReply {
		d, first.To = d.Opposite(), int(b.SourcePort)
	}
	return slices.ContainsFunc(q.untracked, func(u sg.Untracked) bool { return u.Covers(d, first) })
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
