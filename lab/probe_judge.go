package lab

import (
	"lablab/enforce"
	"lablab/packet"
)

// Judge returns what a model does with the probe at a host with these rules, for the flow that
// conntrack knows.
func (b Probe) Judge(m enforce.Model, rules enforce.Policy) enforce.Decision {
	d, seen := b.Packet()
	p := enforce.Packet{
		Header:    packet.Header{Protocol: b.Protocol, Source: b.From, Destination: b.To, SourcePort: b.SourcePort, DestinationPort: b.Port, ICMPType: b.Type, ICMPCode: b.Code},
		Direction: d, Forwarded: b.Forward, State: b.state(), Reply: b.Known == KnownReply, Seen: seen,
	}
	if b.Protocol == packet.TCP {
		p.TCPFlags = packet.ACK
		if b.Known == Unknown {
			p.TCPFlags = packet.SYN
		}
	}
	if b.Known != KnownInvalid {
		f := b.flow(rules)
		p.Flow = &f
	}
	return m.Judge(p, rules)
}

// state returns the state that conntrack gives the probe.
func (b Probe) state() packet.State {
	switch b.Known {
	case Unknown:
		return packet.New
	case KnownRelated:
		return packet.Related
	case KnownInvalid:
		return packet.Invalid
	}
	return packet.Established
}

// flow returns the flow that the probe belongs to or, if it is an ICMP error, is about.
func (b Probe) flow(rules enforce.Policy) enforce.Flow {
	f := enforce.Flow{Orig: b.first(0), Forwarded: b.Forward}
	f.Began, _ = b.Packet()
	if b.Known == KnownReply || b.Known == KnownRelated {
		f.Began = f.Began.Opposite()
	}
	if b.Protocol == packet.TCP && b.Known != Unknown {
		f.TCP = "ESTABLISHED"
	}
	f.Mark = b.mark(f, rules)
	return f
}

// mark returns the mark of the flow's entry: the rule that would admit the flow now or, if none would,
// one that is gone.
func (b Probe) mark(f enforce.Flow, rules enforce.Policy) packet.Mark {
	const gone = 1 << 24 // no rule gets that number
	switch {
	case b.Known == Unknown || b.Forward:
		return 0
	case b.Known == KnownUntracked:
		return packet.UntrackedMark
	}
	if by, allowed := rules.Allows(f.Began, f.Seen(f.Began)); allowed {
		return packet.Mark(by.Number)
	}
	return gone
}
