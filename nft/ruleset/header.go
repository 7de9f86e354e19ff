package ruleset

import (
	"fmt"
	"strings"

	"lablab/packet"
)

// Version matches one version of IP.
type Version struct{ Six bool }

func (v Version) String() string {
	if v.Six {
		return "meta nfproto ipv6"
	}
	return "meta nfproto ipv4"
}

// A Side is one end of a packet.
type Side byte

// The ends of a packet.
const (
	Source      Side = 's'
	Destination Side = 'd'
)

// Address matches an address of a packet.
type Address struct {
	Side Side
	// Original is for the address that the first packet of the flow had when it arrived.
	Original bool
	Range    Range
	// Set is the name of a set of addresses that replaces Range, and Six whether that has addresses of
	// IPv6.
	Set string
	Six bool
}

// Is6 reports whether the address is one of IPv6.
func (a Address) Is6() bool { return a.Six || a.Range.First.Is6() }

func (a Address) String() string {
	what := "ip "
	if a.Is6() {
		what = "ip6 "
	}
	if a.Original {
		what = "ct original " + what
	}
	what += fmt.Sprintf("%caddr ", a.Side)
	if a.Set != "" {
		return what + "@" + a.Set
	}
	return what + a.Range.String()
}

// Protocol matches a protocol.
type Protocol packet.Protocol

func (p Protocol) String() string {
	if packet.Protocol(p) == packet.ICMPv6 {
		return "meta l4proto ipv6-icmp" // IANA's name
	}
	return "meta l4proto " + packet.Protocol(p).String()
}

// Ports matches a port of a protocol that has ports: TCP, UDP.
type Ports struct {
	Protocol    packet.Protocol
	Side        Side
	First, Last uint16
}

func (p Ports) String() string {
	return fmt.Sprintf("%s %cport %s", p.Protocol, p.Side, span(int(p.First), int(p.Last)))
}

func span(first, last int) string {
	if first == last {
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d-%d", first, last)
}

// AnyCode is the code of [ICMP] if every code matches.
const AnyCode = -1

// ICMP matches types of ICMP or ICMPv6, and a code of one type.
type ICMP struct {
	Protocol    packet.Protocol
	First, Last uint8
	Code        int
}

func (i ICMP) String() string {
	types := span(int(i.First), int(i.Last))
	if name := typeNames[i.Protocol][i.First]; i.First == i.Last && name != "" {
		types = name
	}
	if i.Code == AnyCode {
		return fmt.Sprintf("%s type %s", i.Protocol, types)
	}
	return fmt.Sprintf("%s type %s %s code %s", i.Protocol, types, i.Protocol, i.code())
}

// code returns the code in the syntax of nft(8), whose names are those of "destination unreachable";
// with other types, it prints the same names for other codes.
func (i ICMP) code() string {
	unreachable := i.Protocol == packet.ICMP && i.First == 3 || i.Protocol == packet.ICMPv6 && i.First == 1
	if name := codeNames[i.Protocol][uint8(i.Code)]; unreachable && name != "" {
		return name
	}
	return fmt.Sprint(i.Code)
}

// The names that nft(8) prints (`nft describe icmp type`).
var (
	typeNames = map[packet.Protocol]map[uint8]string{
		packet.ICMP: {
			0: "echo-reply", 3: "destination-unreachable", 4: "source-quench", 5: "redirect", 8: "echo-request",
			9: "router-advertisement", 10: "router-solicitation", 11: "time-exceeded", 12: "parameter-problem",
			13: "timestamp-request", 14: "timestamp-reply", 15: "info-request", 16: "info-reply",
			17: "address-mask-request", 18: "address-mask-reply",
		},
		packet.ICMPv6: {
			1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem",
			128: "echo-request", 129: "echo-reply", 130: "mld-listener-query", 131: "mld-listener-report",
			132: "mld-listener-done", 133: "nd-router-solicit", 134: "nd-router-advert", 135: "nd-neighbor-solicit",
			136: "nd-neighbor-advert", 137: "nd-redirect", 138: "router-renumbering", 141: "ind-neighbor-solicit",
			142: "ind-neighbor-advert", 143: "mld2-listener-report",
		},
	}
	codeNames = map[packet.Protocol]map[uint8]string{
		packet.ICMP: {
			0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: "port-unreachable",
			4: "frag-needed", 9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited",
		},
		packet.ICMPv6: {
			0: "no-route", 1: "admin-prohibited", 3: "addr-unreachable", 4: "port-unreachable", 5: "policy-fail",
			6: "reject-route",
		},
	}
)

// TCPFlags matches those flags of TCP that are in Mask: they are as in Set, or not.
type TCPFlags struct {
	Mask, Set uint8
	Not       bool
}

func (f TCPFlags) String() string {
	operator := ""
	if f.Not {
		operator = "!= "
	}
	return fmt.Sprintf("tcp flags %s%s / %s", operator, flagNames(f.Set), flagNames(f.Mask))
}

func flagNames(flags uint8) string {
	if flags == 0 {
		return "0x0"
	}
	return names(uint32(flags), "fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr")
}

// names returns the names of the bits that are set, from the lowest on.
func names(bits uint32, all ...string) string {
	var list []string
	for i, name := range all {
		if bits>>i&1 == 1 {
			list = append(list, name)
		}
	}
	return strings.Join(list, ",")
}

// HopLimit matches the hop limit of packets of IPv6.
type HopLimit uint8

func (h HopLimit) String() string { return fmt.Sprintf("ip6 hoplimit %d", uint8(h)) }
