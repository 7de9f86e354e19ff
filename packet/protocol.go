// Package packet defines the vocabulary of the wire: protocols, the two directions at a host, the
// key that tells flows apart, the headers of a packet, and what decided about it. It needs no
// kernel.
package packet

import (
	"strconv"
	"strings"

	"lablab/say"
)

// A Protocol is an IP protocol number (IANA), or All.
type Protocol int

// The protocols that have a name in EC2.
const (
	All    Protocol = -1
	ICMP   Protocol = 1
	TCP    Protocol = 6
	UDP    Protocol = 17
	ICMPv6 Protocol = 58
)

// The protocols that conntrack treats in ways of its own, although EC2 tracks them like every
// protocol but TCP, UDP and ICMP, by addresses and protocol number. It tells flows apart by ports, or
// by the call id of PPTP in GRE, and has timeouts for these. In IPv6, it takes AH for the protocol
// behind it, and a packet that has nothing behind its header for invalid.
const (
	DCCP    Protocol = 33
	GRE     Protocol = 47
	AH      Protocol = 51
	NoNext  Protocol = 59
	SCTP    Protocol = 132
	UDPLite Protocol = 136
)

// Disguise is the protocol that conntrack is shown instead of one of these, in a zone that has the
// number of the real one. It is for experiments (RFC 3692), so conntrack reads nothing of it.
const Disguise Protocol = 253

// Disguised returns the protocols that conntrack is shown as Disguise, which is one of them.
func Disguised() []Protocol { return []Protocol{DCCP, GRE, AH, NoNext, SCTP, UDPLite, Disguise} }

// String returns the protocol's name in EC2, or its number.
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

// IsICMP reports whether the protocol's packets have a type and a code.
func (p Protocol) IsICMP() bool { return p == ICMP || p == ICMPv6 }

// ParseProtocol parses a protocol as EC2 writes it: a name, a number or -1 for all.
func ParseProtocol(s string) (Protocol, bool) {
	switch strings.ToLower(s) {
	case "tcp":
		return TCP, true
	case "udp":
		return UDP, true
	case "icmp":
		return ICMP, true
	case "icmpv6":
		return ICMPv6, true
	case "-1":
		return All, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return Protocol(n), err == nil
}

// A Direction is the direction in which a packet passes a host's interface, and in which a rule
// applies.
type Direction string

// The two directions, as EC2 names them.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// Opposite returns the other direction.
func (d Direction) Opposite() Direction {
	if d == Ingress {
		return Egress
	}
	return Ingress
}

// In returns the direction in a language.
func (d Direction) In(l *say.Language) string { return l.Text(string(d)) }
