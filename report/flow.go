package report

import (
	"cmp"
	"net/netip"

	"lablab/packet"
)

// A flowAt is a flow as one host sees it.
type flowAt struct {
	host string
	flow packet.Key
}

// canonical returns the same key for both directions of a flow. An echo's two directions have
// different types, and two hosts may ping each other with one id: its key is that of the request.
func canonical(k packet.Key) packet.Key {
	switch {
	case k.Protocol == packet.ICMP && k.ICMPType == echoReply, k.Protocol == packet.ICMPv6 && k.ICMPType == echoReplyV6:
		k.Source, k.Destination = k.Destination, k.Source
		fallthrough
	case k.Protocol == packet.ICMP && k.ICMPType == echoRequest, k.Protocol == packet.ICMPv6 && k.ICMPType == echoRequestV6:
		k.ICMPType = echoRequest
		return k
	case k.Protocol.IsICMP():
		return k
	}
	if c := cmp.Or(k.Source.Compare(k.Destination), cmp.Compare(k.SourcePort, k.DestinationPort)); c > 0 {
		k.Source, k.Destination = k.Destination, k.Source
		k.SourcePort, k.DestinationPort = k.DestinationPort, k.SourcePort
	}
	return k
}

// flow returns the key of a stream's requests. Older records do not have its source address.
func (b *Builder) flow(s *Stream) packet.Key {
	protocol, _ := packet.ParseProtocol(s.Protocol)
	target, _ := netip.ParseAddr(s.Target)
	k := packet.Key{Protocol: protocol, Source: s.source, Destination: target, SourcePort: s.SourcePort, DestinationPort: s.Port}
	if !k.Source.IsValid() {
		for address, name := range b.policy.names {
			if name == s.From {
				k.Source = address
			}
		}
	}
	if s.IsPing() {
		k.ICMPID, k.ICMPType = s.ICMPID, echoRequest
		if target.Is6() {
			k.Protocol, k.ICMPType = packet.ICMPv6, echoRequestV6
		}
	}
	return k
}

// The ICMP types of pings (RFC 792, RFC 4443).
const (
	echoRequest   = 8
	echoReply     = 0
	echoRequestV6 = 128
	echoReplyV6   = 129
)

func isEcho(h packet.Header, v4, v6 uint8) bool {
	return h.Protocol == packet.ICMP && h.ICMPType == v4 || h.Protocol == packet.ICMPv6 && h.ICMPType == v6
}
