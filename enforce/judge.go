package enforce

import (
	"lablab/packet"
	"lablab/sg"
)

// A Packet is a packet at a host, with what conntrack knows about it.
type Packet struct {
	packet.Header
	Direction packet.Direction
	Forwarded bool // whether the host is to pass it on
	State     packet.State
	Reply     bool      // whether it goes against the direction of its flow's first packet
	Seen      sg.Packet // the packet as the groups see it
	Flow      *Flow     // nil if it has no entry, not even a new one
}

// mark returns the mark of the flow's entry.
func (p Packet) mark() packet.Mark {
	if p.Flow == nil {
		return 0
	}
	return p.Flow.Mark
}

// A Flow is what conntrack knows of a flow at a host.
type Flow struct {
	Orig packet.Key  // of its first packet
	Mark packet.Mark // the rule that admitted it, and more
	TCP  string      // state of a TCP connection, as conntrack(8) names it
	// Began is the direction of its first packet at the host. What a host forwards comes in first.
	Began     packet.Direction
	Forwarded bool
}

// Seen returns the flow's first packet as the groups see it in a direction.
func (f Flow) Seen(d packet.Direction) sg.Packet {
	p := sg.Packet{Protocol: f.Orig.Protocol, Peer: f.Orig.Source, To: int(f.Orig.DestinationPort)}
	if d == packet.Egress {
		p.Peer = f.Orig.Destination
	}
	if p.Protocol.IsICMP() {
		p.To, p.Code = int(f.Orig.ICMPType), int(f.Orig.ICMPCode)
	}
	return p
}

// covered reports whether the rules that admitted the flow are in force and still match it.
func (f Flow) covered(rules Policy) bool {
	if !f.Forwarded {
		return rules.Covers(f.Mark.Admitted(), f.Began, f.Seen(f.Began))
	}
	in := rules.Covers(f.Mark.Admitted(), packet.Ingress, f.Seen(packet.Ingress))
	return in && rules.Covers(f.Mark.Released(), packet.Egress, f.Seen(packet.Egress))
}

// A Policy is what the rules of a host say.
type Policy interface {
	// Allows returns the rule that allows a packet in a direction, if one does.
	Allows(d packet.Direction, p sg.Packet) (packet.By, bool)
	// Covers reports whether the rule with that number is in force and allows a packet in a direction.
	Covers(number uint32, d packet.Direction, p sg.Packet) bool
	// InForce reports whether the rule with that number is in force.
	InForce(number uint32) bool
	// Related reports whether an ICMP error about a known flow needs no rule.
	Related(h packet.Header) bool
	// Untracked returns the flows that EC2 would not track.
	Untracked() []sg.Untracked
}

// A Decision is what happens to a packet.
type Decision struct {
	packet.By
	Accepted bool
	// Untracks is whether the flow's entry gets [packet.UntrackedMark] when the packet arrives, whatever
	// else decides about it.
	Untracks bool
	Write    Write
}

// A Write is what a decision writes into the mark of the flow's entry.
type Write uint8

// What a decision may write.
const (
	Nothing   Write = iota
	Admitting       // the number of the rule that accepted the packet, and nothing else
	Blocking        // [packet.Tombstone], in addition to the rest of the mark
)

// An Effect is what a change of the rules does to a flow.
type Effect uint8

// The effects of a change.
const (
	Stays    Effect = iota
	Untracks        // its entry gets [packet.UntrackedMark]
	Deletes         // its entry is deleted
	Unmarks         // its entry loses its mark, so that no rule has admitted it
)

// byEntry accepts a packet of an established flow, or an ICMP error about one.
func byEntry(p Packet, rules Policy) (Decision, bool) {
	if p.State == packet.Established {
		return Decision{By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}, Accepted: true}, true
	}
	return byRelation(p, rules)
}

// byRelation accepts an ICMP error about a known flow that needs no rule.
func byRelation(p Packet, rules Policy) (Decision, bool) {
	related := p.State == packet.Related && rules.Related(p.Header)
	return Decision{By: packet.By{Kind: packet.ByRelated, ID: packet.RelatedID}, Accepted: related}, related
}

// byRules has the rules decide about a packet.
func byRules(p Packet, rules Policy) Decision { return bySeen(p.Direction, p.Seen, rules) }

// bySeen has the rules for a direction decide about a packet that the groups see like this.
func bySeen(d packet.Direction, seen sg.Packet, rules Policy) Decision {
	by, allowed := rules.Allows(d, seen)
	if !allowed {
		return Decision{By: byDefault}
	}
	return Decision{By: by, Accepted: true}
}

// admitting has the packet write the rule that accepts it if it may be the first of its flow.
func admitting(d Decision, p Packet) Decision {
	if d.Accepted && p.State == packet.New {
		d.Write = Admitting
	}
	return d
}
