package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"lablab/sg"
)

// A Packet is what the trace tells of a packet's headers.
type Packet struct {
	Protocol    sg.Protocol
	Source      netip.Addr
	Destination netip.Addr
	// SourcePort and DestinationPort are those of TCP, UDP and SCTP; host byte order.
	SourcePort, DestinationPort uint16
	// ICMPType and ICMPCode are those of ICMP and ICMPv6.
	ICMPType, ICMPCode uint8
	// Tag is what tells packets apart that are alike otherwise: the identification
	// of IPv4, the flow label of IPv6.
	Tag uint32
	// EchoID and EchoSeq are those of an echo request or reply; host byte order.
	EchoID, EchoSeq uint16
}

func (p Packet) String() string {
	switch p.Protocol {
	case sg.ICMP, sg.ICMPv6:
		return fmt.Sprintf("%s %s > %s type %d code %d id %d seq %d", p.Protocol, p.Source, p.Destination, p.ICMPType, p.ICMPCode, p.EchoID, p.EchoSeq)
	}
	return fmt.Sprintf("%s %s:%d > %s:%d", p.Protocol, p.Source, p.SourcePort, p.Destination, p.DestinationPort)
}

// parsePacket reads a network header (IPv4 or IPv6, told apart by its version)
// and the beginning of what it carries. Headers may be cut short; what is
// missing stays zero.
func parsePacket(network, transport []byte) (Packet, bool) {
	var p Packet
	if len(network) == 0 {
		return p, false
	}
	switch {
	case network[0]>>4 == 4 && len(network) >= 20: // RFC 791
		p.Protocol = sg.Protocol(network[9])
		p.Source = netip.AddrFrom4([4]byte(network[12:16]))
		p.Destination = netip.AddrFrom4([4]byte(network[16:20]))
		p.Tag = uint32(binary.BigEndian.Uint16(network[4:]))
	case network[0]>>4 == 6 && len(network) >= 40: // RFC 8200
		p.Protocol = sg.Protocol(network[6])
		p.Source = netip.AddrFrom16([16]byte(network[8:24]))
		p.Destination = netip.AddrFrom16([16]byte(network[24:40]))
		p.Tag = binary.BigEndian.Uint32(network) & 0xfffff
	default:
		return p, false
	}
	switch p.Protocol {
	case sg.ICMP, sg.ICMPv6: // RFC 792, RFC 4443
		if len(transport) >= 8 {
			p.ICMPType, p.ICMPCode = transport[0], transport[1]
			p.EchoID, p.EchoSeq = binary.BigEndian.Uint16(transport[4:]), binary.BigEndian.Uint16(transport[6:])
		}
	case sg.TCP, sg.UDP, 132:
		if len(transport) >= 4 {
			p.SourcePort, p.DestinationPort = binary.BigEndian.Uint16(transport), binary.BigEndian.Uint16(transport[2:])
		}
	}
	return p, true
}
