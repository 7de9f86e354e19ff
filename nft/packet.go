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
	// Length is how many bytes TCP or UDP carry; Number the first four bytes that UDP
	// carries, in network byte order.
	Length int
	Number uint32
	// TCPSeq and TCPFlags are TCP's sequence number and flags (RFC 9293).
	TCPSeq   uint32
	TCPFlags uint8
	// QuotedProtocol and QuotedTag are those of the packet that an ICMP error is about.
	QuotedProtocol sg.Protocol
	QuotedTag      uint32
}

// TCP's flags (RFC 9293).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// IsError reports whether the packet is an ICMP error, which quotes another packet
// (RFC 792: types 3, 4, 5, 11 and 12; RFC 4443: types below 128).
func (p Packet) IsError() bool {
	switch p.Protocol {
	case sg.ICMP:
		return p.ICMPType >= 3 && p.ICMPType <= 5 || p.ICMPType == 11 || p.ICMPType == 12
	case sg.ICMPv6:
		return p.ICMPType < 128
	}
	return false
}

func (p Packet) String() string {
	switch p.Protocol {
	case sg.ICMP, sg.ICMPv6:
		return fmt.Sprintf("%s %s > %s type %d code %d id %d seq %d", p.Protocol, p.Source, p.Destination, p.ICMPType, p.ICMPCode, p.EchoID, p.EchoSeq)
	case sg.TCP:
		return fmt.Sprintf("tcp %s > %s%s", netip.AddrPortFrom(p.Source, p.SourcePort), netip.AddrPortFrom(p.Destination, p.DestinationPort), p.flags())
	case sg.UDP:
		return fmt.Sprintf("udp %s > %s", netip.AddrPortFrom(p.Source, p.SourcePort), netip.AddrPortFrom(p.Destination, p.DestinationPort))
	}
	return fmt.Sprintf("%s %s > %s", p.Protocol, p.Source, p.Destination)
}

// flags are TCP's, as tcpdump(8) writes them, and how many bytes are carried.
func (p Packet) flags() string {
	if p.TCPFlags == 0 {
		return "" // the trace did not tell
	}
	text := ""
	for _, f := range []struct {
		flag uint8
		text string
	}{{SYN, "S"}, {FIN, "F"}, {RST, "R"}, {PSH, "P"}, {ACK, "."}} {
		if p.TCPFlags&f.flag != 0 {
			text += f.text
		}
	}
	return fmt.Sprintf(" [%s] %d bytes", text, p.Length)
}

// parsePacket reads a network header (IPv4 or IPv6, told apart by its version)
// and the beginning of what it carries. Headers may be cut short; what is
// missing stays zero.
func parsePacket(network, transport []byte) (Packet, bool) {
	var p Packet
	var carried int // bytes behind the network header
	if len(network) == 0 {
		return p, false
	}
	switch {
	case network[0]>>4 == 4 && len(network) >= 20: // RFC 791
		p.Protocol = sg.Protocol(network[9])
		p.Source = netip.AddrFrom4([4]byte(network[12:16]))
		p.Destination = netip.AddrFrom4([4]byte(network[16:20]))
		p.Tag = uint32(binary.BigEndian.Uint16(network[4:]))
		carried = int(binary.BigEndian.Uint16(network[2:])) - int(network[0]&0xf)*4
	case network[0]>>4 == 6 && len(network) >= 40: // RFC 8200
		p.Protocol = sg.Protocol(network[6])
		p.Source = netip.AddrFrom16([16]byte(network[8:24]))
		p.Destination = netip.AddrFrom16([16]byte(network[24:40]))
		p.Tag = binary.BigEndian.Uint32(network) & 0xfffff
		carried = int(binary.BigEndian.Uint16(network[4:]))
	default:
		return p, false
	}
	p.parseTransport(transport, carried)
	return p, true
}

func (p *Packet) parseTransport(b []byte, carried int) {
	switch p.Protocol {
	case sg.ICMP, sg.ICMPv6: // RFC 792, RFC 4443
		if len(b) >= 8 {
			p.ICMPType, p.ICMPCode = b[0], b[1]
			p.EchoID, p.EchoSeq = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
		}
		if p.IsError() && len(b) >= 8+12 { // as much of the quoted header as the trace tells
			quoted, _ := parsePacket(append(b[8:20:20], make([]byte, 28)...), nil)
			p.QuotedProtocol, p.QuotedTag = quoted.Protocol, quoted.Tag
		}
	case sg.TCP, sg.UDP, 132:
		if len(b) < 4 {
			return
		}
		p.SourcePort, p.DestinationPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		switch {
		case p.Protocol == sg.UDP:
			p.Length = max(carried-8, 0)
			if len(b) >= 12 {
				p.Number = binary.BigEndian.Uint32(b[8:])
			}
		case p.Protocol == sg.TCP && len(b) >= 20:
			p.TCPSeq, p.TCPFlags = binary.BigEndian.Uint32(b[4:]), b[13]
			p.Length = max(carried-int(b[12]>>4)*4, 0)
		}
	}
}
