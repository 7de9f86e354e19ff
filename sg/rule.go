package sg

import (
	"fmt"
	"net/netip"
	"strconv"
)

// A Protocol is an IP protocol number, or All.
type Protocol int

// Protocols that have a name in EC2 (IANA protocol numbers).
const (
	All    Protocol = -1
	ICMP   Protocol = 1
	TCP    Protocol = 6
	UDP    Protocol = 17
	ICMPv6 Protocol = 58
)

func (p Protocol) String() string {
	switch p {
	case All:
		return "all"
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmpv6"
	}
	return strconv.Itoa(int(p))
}

// Any stands for every port, ICMP type or ICMP code.
const Any = -1

// A Rule allows packets of one protocol from (ingress) or to (egress) one
// range of addresses.
type Rule struct {
	ID       string
	Protocol Protocol
	// From and To are the first and last destination port of TCP and UDP, or
	// type and code of ICMP, as EC2's FromPort and ToPort; Any where all match.
	From, To int
	Peer     netip.Prefix
}

// Same reports whether both rules allow the same packets, whatever their ids.
func (r Rule) Same(o Rule) bool {
	r.ID, o.ID = "", ""
	r.Peer, o.Peer = r.Peer.Masked(), o.Peer.Masked()
	return r == o
}

// String is the rule as a person would say it: "tcp 22 0.0.0.0/0".
func (r Rule) String() string {
	switch {
	case r.From == Any:
		return fmt.Sprintf("%s %s", r.Protocol, r.Peer)
	case r.Protocol == ICMP || r.Protocol == ICMPv6:
		return fmt.Sprintf("%s type %d code %s %s", r.Protocol, r.From, anyOr(r.To), r.Peer)
	case r.From == r.To:
		return fmt.Sprintf("%s %d %s", r.Protocol, r.From, r.Peer)
	}
	return fmt.Sprintf("%s %d-%d %s", r.Protocol, r.From, r.To, r.Peer)
}

func (r Rule) admits(p Packet) bool {
	if r.Peer.Addr().Is4() != p.Peer.Is4() || !r.Peer.Contains(p.Peer) {
		return false
	}
	if r.Protocol == All {
		return true
	}
	if r.Protocol != p.Protocol {
		return false
	}
	switch r.Protocol {
	case TCP, UDP:
		return r.From == Any || r.From <= p.To && p.To <= r.To
	case ICMP, ICMPv6:
		return r.From == Any || r.From == p.To && (r.To == Any || r.To == p.Code)
	}
	return true
}

// peerText is how EC2 words a rule in InvalidPermission.Duplicate
// (seen in a real message: `peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW`).
func (r Rule) peerText() string {
	switch r.Protocol {
	case All:
		return fmt.Sprintf("peer: %s, ALL, ALLOW", r.Peer)
	case ICMP, ICMPv6:
		return fmt.Sprintf("peer: %s, ICMP, type: %s, code: %s, ALLOW", r.Peer, anyOr(r.From), anyOr(r.To))
	case TCP, UDP:
		name := map[Protocol]string{TCP: "TCP", UDP: "UDP"}[r.Protocol]
		return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", r.Peer, name, r.From, r.To)
	}
	return fmt.Sprintf("peer: %s, %s, ALLOW", r.Peer, r.Protocol)
}

func anyOr(n int) string {
	if n == Any {
		return "ALL"
	}
	return strconv.Itoa(n)
}
