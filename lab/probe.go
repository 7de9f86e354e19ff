package lab

import (
	"fmt"
	"net/netip"

	"lablab/packet"
	"lablab/sg"
)

// A Probe is one packet to be checked against the rules of a host: the first packet of its own flow,
// unless it is known otherwise.
type Probe struct {
	Egress   bool // leaves the host rather than arriving
	Forward  bool // passes through the host: it arrives, and then leaves
	From, To netip.Addr
	Protocol packet.Protocol
	// SourcePort and Port are the ports of TCP and UDP.
	SourcePort, Port uint16
	// Type and Code are those of ICMP and ICMPv6.
	Type, Code uint8
	// Known is what conntrack knows about its flow.
	Known Known
}

// A Judgement is the kernel's verdict on a probe.
type Judgement struct {
	Admitted bool
	Rule     string // id of the rule that admitted it, or "default-deny"
	// Released is the id of the outbound rule that let it leave, or "default-deny", if it passes
	// through the host and its inbound rules admitted it.
	Released string
	// State is new, or invalid if the packet cannot begin a flow; or another if its flow was known.
	State packet.State
	// Impossible says that the packet never reached the rules: the kernel drops it earlier, because
	// of its addresses.
	Impossible bool
}

// BeginsFlow reports whether a packet of that protocol, once accepted, begins a flow: one that conntrack
// tracks, or one that EC2 would not track. An invalid packet begins none, nor do the messages of
// ICMPv6 that conntrack leaves alone (neighbour discovery, multicast listeners).
func (j Judgement) BeginsFlow(p packet.Protocol) bool {
	return j.State == packet.New || j.State == packet.Untracked && (p == packet.TCP || p == packet.UDP)
}

// Packet returns the probe as a security group sees it, and the direction of the rules that it is
// checked against: of one that passes through the host, those that it meets first.
func (b Probe) Packet() (packet.Direction, sg.Packet) {
	p := sg.Packet{Protocol: b.Protocol, Peer: b.From, To: int(b.Port), Forwarded: b.Forward}
	d := packet.Ingress
	if b.Egress {
		d, p.Peer = packet.Egress, b.To
	}
	if b.Protocol == packet.ICMP || b.Protocol == packet.ICMPv6 {
		p.To, p.Code = int(b.Type), int(b.Code)
	}
	return d, p
}

// Departure returns the probe as the outbound rules see it when it leaves a host that it passed
// through.
func (b Probe) Departure() sg.Packet {
	_, p := b.Packet()
	p.Peer = b.To
	return p
}

// String returns the packet in one line: "tcp 192.0.2.1:40000 > 10.0.0.1:22".
func (b Probe) String() string {
	switch b.Protocol {
	case packet.TCP, packet.UDP:
		return fmt.Sprintf("%s %s > %s", b.Protocol, netip.AddrPortFrom(b.From, b.SourcePort), netip.AddrPortFrom(b.To, b.Port))
	case packet.ICMP, packet.ICMPv6:
		return fmt.Sprintf("%s type %d code %d %s > %s", b.Protocol, b.Type, b.Code, b.From, b.To)
	}
	return fmt.Sprintf("protocol %s %s > %s", b.Protocol, b.From, b.To)
}
