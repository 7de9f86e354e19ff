package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// A Header is what is known of a packet's headers.
type Header struct {
	Protocol    Protocol   `json:"protocol"`
	Source      netip.Addr `json:"source"`
	Destination netip.Addr `json:"destination"`
	// SourcePort and DestinationPort are the ports of TCP, UDP and SCTP, in host byte order.
	SourcePort      uint16 `json:"source_port,omitempty"`
	DestinationPort uint16 `json:"destination_port,omitempty"`
	// ICMPType and ICMPCode are those of ICMP and ICMPv6.
	ICMPType uint8 `json:"icmp_type,omitempty"`
	ICMPCode uint8 `json:"icmp_code,omitempty"`
	// EchoID and EchoSeq are those of an echo request or reply, in host byte order.
	EchoID  uint16 `json:"icmp_id,omitempty"`
	EchoSeq uint16 `json:"icmp_seq,omitempty"`
	// Tag distinguishes packets that are otherwise identical: the identification of IPv4, the flow
	// label of IPv6.
	Tag uint32 `json:"tag,omitempty"`
	// Length is how many bytes of payload TCP or UDP carries.
	Length int `json:"length,omitempty"`
	// Size is how many bytes the packet has, from the network header on; 0 if unknown, as in older
	// records.
	Size int `json:"size,omitempty"`
	// Number is the first four bytes of UDP's payload, in network byte order.
	Number uint32 `json:"number,omitempty"`
	// TCPSeq and TCPFlags are TCP's sequence number and flags (RFC 9293).
	TCPSeq   uint32 `json:"tcp_seq,omitempty"`
	TCPFlags uint8  `json:"tcp_flags,omitempty"`
	// QuotedProtocol and QuotedTag are those of the packet that an ICMP error is about.
	QuotedProtocol Protocol `json:"quoted_protocol,omitempty"`
	QuotedTag      uint32   `json:"quoted_tag,omitempty"`
}

// The flags of TCP (RFC 9293).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// IsError reports whether the packet is an ICMP error, which quotes another packet (RFC 792: types
// 3, 4, 5, 11 and 12; RFC 4443: types below 128).
func (h Header) IsError() bool {
	switch h.Protocol {
	case ICMP:
		return h.ICMPType >= 3 && h.ICMPType <= 5 || h.ICMPType == 11 || h.ICMPType == 12
	case ICMPv6:
		return h.ICMPType < 128
	}
	return false
}

// Same reports whether both describe one packet, seen at two places. The kernel's trace contains
// fewer bytes after the headers than a capture does.
func (h Header) Same(o Header) bool {
	return h.Key() == o.Key() && h.EchoSeq == o.EchoSeq && h.TCPSeq == o.TCPSeq && h.TCPFlags == o.TCPFlags && h.Length == o.Length && h.Tag == o.Tag
}

// Key returns the packet's own direction of its flow.
func (h Header) Key() Key {
	k := Key{
		Protocol: h.Protocol, Source: h.Source, Destination: h.Destination, SourcePort: h.SourcePort, DestinationPort: h.DestinationPort,
		ICMPID: h.EchoID, ICMPType: h.ICMPType, ICMPCode: h.ICMPCode,
	}
	if h.Protocol == SCTP {
		k.SourcePort, k.DestinationPort = 0, 0
	}
	return k
}

// String describes the packet in one line, as tcpdump(8) would: "tcp 10.0.0.1:40000 > 10.0.0.2:22
// [S] 0 bytes".
func (h Header) String() string { return h.Named(netip.Addr.String) }

// Named describes the packet in one line, with names instead of addresses.
func (h Header) Named(name func(netip.Addr) string) string {
	switch h.Protocol {
	case ICMP, ICMPv6:
		return fmt.Sprintf("%s %s > %s %s id %d seq %d", h.Protocol, name(h.Source), name(h.Destination), h.message(), h.EchoID, h.EchoSeq)
	case TCP:
		return h.Key().Named(name) + h.flags()
	}
	return h.Key().Named(name)
}

// message names the type of an ICMP message (RFC 792, RFC 4443).
func (h Header) message() string {
	switch {
	case h.ICMPCode == 0 && (h.Protocol == ICMP && h.ICMPType == 8 || h.Protocol == ICMPv6 && h.ICMPType == 128):
		return "echo request"
	case h.ICMPCode == 0 && (h.Protocol == ICMP && h.ICMPType == 0 || h.Protocol == ICMPv6 && h.ICMPType == 129):
		return "echo reply"
	}
	return fmt.Sprintf("type %d code %d", h.ICMPType, h.ICMPCode)
}

// flags returns TCP's flags, as tcpdump(8) writes them, and the payload's length.
func (h Header) flags() string {
	if h.TCPFlags == 0 {
		return "" // missing from the trace
	}
	text := ""
	for _, f := range []struct {
		flag uint8
		text string
	}{{SYN, "S"}, {FIN, "F"}, {RST, "R"}, {PSH, "P"}, {ACK, "."}} {
		if h.TCPFlags&f.flag != 0 {
			text += f.text
		}
	}
	return fmt.Sprintf(" [%s] %d bytes", text, h.Length)
}

// Parse parses an IP packet. It does not look past IPv6 extension headers.
func Parse(ip []byte) (Header, bool) {
	const v4, v6 = 20, 40 // bytes of a header without options
	header := v6
	switch {
	case len(ip) < v4:
		return Header{}, false
	case ip[0]>>4 == 4:
		header = int(ip[0]&0xf) * 4
	}
	if len(ip) < header || header < v4 {
		return Header{}, false
	}
	return ParseHeaders(ip[:header], ip[header:])
}

// ParseHeaders parses a network header (IPv4 or IPv6, told apart by its version) and the start of
// its payload. Either may be truncated; what is missing stays zero.
func ParseHeaders(network, transport []byte) (Header, bool) {
	var h Header
	header := 40 // bytes of the network header
	if len(network) == 0 {
		return h, false
	}
	switch {
	case network[0]>>4 == 4 && len(network) >= 20: // RFC 791
		h.Protocol = Protocol(network[9])
		h.Source = netip.AddrFrom4([4]byte(network[12:16]))
		h.Destination = netip.AddrFrom4([4]byte(network[16:20]))
		h.Tag = uint32(binary.BigEndian.Uint16(network[4:]))
		h.Size = int(binary.BigEndian.Uint16(network[2:]))
		header = int(network[0]&0xf) * 4
	case network[0]>>4 == 6 && len(network) >= 40: // RFC 8200
		h.Protocol = Protocol(network[6])
		h.Source = netip.AddrFrom16([16]byte(network[8:24]))
		h.Destination = netip.AddrFrom16([16]byte(network[24:40]))
		h.Tag = binary.BigEndian.Uint32(network) & 0xfffff
		h.Size = header + int(binary.BigEndian.Uint16(network[4:]))
	default:
		return h, false
	}
	h.parseTransport(transport, h.Size-header)
	return h, true
}

func (h *Header) parseTransport(b []byte, carried int) {
	switch h.Protocol {
	case ICMP, ICMPv6: // RFC 792, RFC 4443
		if len(b) >= 8 {
			h.ICMPType, h.ICMPCode = b[0], b[1]
			h.EchoID, h.EchoSeq = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
		}
		if h.IsError() && len(b) >= 8+12 { // as much of the quoted header as the trace contains
			quoted, _ := ParseHeaders(append(b[8:20:20], make([]byte, 28)...), nil)
			h.QuotedProtocol, h.QuotedTag = quoted.Protocol, quoted.Tag
		}
	case TCP, UDP, SCTP:
		if len(b) < 4 {
			return
		}
		h.SourcePort, h.DestinationPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		switch {
		case h.Protocol == UDP:
			h.Length = max(carried-8, 0)
			if len(b) >= 12 {
				h.Number = binary.BigEndian.Uint32(b[8:])
			}
		case h.Protocol == TCP && len(b) >= 20:
			h.TCPSeq, h.TCPFlags = binary.BigEndian.Uint32(b[4:]), b[13]
			h.Length = max(carried-int(b[12]>>4)*4, 0)
		}
	}
}
