package packet

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// A Key is one direction of a flow, as EC2 and conntrack tell flows apart: addresses and, for TCP
// and UDP, ports; for ICMP, the echo id. It does not include the echo's sequence number
// (net/netfilter/nf_conntrack_proto_icmp.c).
type Key struct {
	Protocol    Protocol   `json:"protocol"`
	Source      netip.Addr `json:"source"`
	Destination netip.Addr `json:"destination"`
	// SourcePort and DestinationPort are the ports of TCP and UDP, in host byte order.
	SourcePort      uint16 `json:"source_port,omitempty"`
	DestinationPort uint16 `json:"destination_port,omitempty"`
	// ICMPID is the echo id, in host byte order.
	ICMPID   uint16 `json:"icmp_id,omitempty"`
	ICMPType uint8  `json:"icmp_type,omitempty"`
	ICMPCode uint8  `json:"icmp_code,omitempty"`
}

// String returns the key in one line: "tcp 10.0.0.1:40000 > 10.0.0.2:22".
func (k Key) String() string { return k.Named(netip.Addr.String) }

// Named returns the key in one line, with names instead of addresses: "tcp B:40000 > A:22".
func (k Key) Named(name func(netip.Addr) string) string {
	switch k.Protocol {
	case ICMP, ICMPv6:
		return fmt.Sprintf("%s %s > %s id %d", k.Protocol, name(k.Source), name(k.Destination), k.ICMPID)
	case TCP, UDP:
		return fmt.Sprintf("%s %s > %s", k.Protocol, withPort(name(k.Source), k.SourcePort), withPort(name(k.Destination), k.DestinationPort))
	}
	return fmt.Sprintf("%s %s > %s", k.Protocol, name(k.Source), name(k.Destination))
}

// withPort joins a host and a port; IPv6 addresses get brackets (RFC 3986).
func withPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Compare orders keys, so that lists of entries are the same each time.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Protocol, o.Protocol), k.Source.Compare(o.Source), k.Destination.Compare(o.Destination),
		cmp.Compare(k.ICMPID, o.ICMPID), cmp.Compare(k.SourcePort, o.SourcePort), cmp.Compare(k.DestinationPort, o.DestinationPort),
	)
}
