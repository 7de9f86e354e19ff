package sim

import (
	"lablab/packet"
)

// The ICMP types that streams meet (RFC 792, RFC 4443).
const (
	unreachable     = 3
	portUnreachable = 3 // code
	echoRequest     = 8

	unreachableV6     = 1
	portUnreachableV6 = 4 // code
	echoRequestV6     = 128
)

// A datagram is a packet on its way, with what the host that has it knows about it.
type datagram struct {
	packet.Header
	ack    uint32     // of TCP
	quoted packet.Key // of an ICMP error: the packet that it is about
	size   int        // bytes from the network header on

	// What it belongs to: the messages from first to last, or none (0) if it only keeps a connection
	// going.
	stream      *stream
	first, last int
	answers     bool // it goes back to the sender
	connecting  bool // it opens a connection for the message, or answers the attempt

	// What conntrack of the host says about it.
	entry *entry
	back  bool // it goes against the direction of the flow's first packet
	state packet.State
	mark  packet.Mark
}

// headerSize returns the bytes of the network header.
func headerSize(six bool) int {
	if six {
		return 40
	}
	return 20
}

// headed returns a header with the addresses, ports and ICMP message of a key.
func headed(k packet.Key) packet.Header {
	return packet.Header{
		Protocol: k.Protocol, Source: k.Source, Destination: k.Destination, SourcePort: k.SourcePort, DestinationPort: k.DestinationPort,
		EchoID: k.ICMPID, ICMPType: k.ICMPType, ICMPCode: k.ICMPCode,
	}
}
