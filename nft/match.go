package nft

import (
	"fmt"

	"lablab/packet"
	"lablab/sg"
)

// addressText is the first of the functions that write a match in the syntax of nft(8).
// match_linux.go writes the same matches as kernel expressions; a test has nft(8) list those and
// compares.

func (r Rule) addressText(d packet.Direction) string {
	family := "ip"
	if r.six() {
		family = "ip6"
	}
	side := "saddr"
	if d == packet.Egress {
		side = "daddr"
	}
	peer := r.Peer
	if r.Set != nil {
		return fmt.Sprintf("%s %s @%s", family, side, r.Set.Name)
	}
	if peer.Bits() == 0 {
		return versionText(r.six())
	}
	if peer.IsSingleIP() {
		return fmt.Sprintf("%s %s %s", family, side, peer.Addr())
	}
	return fmt.Sprintf("%s %s %s", family, side, peer.Masked())
}

// six reports whether the rule is for IPv6.
func (r Rule) six() bool {
	if r.Set != nil {
		return r.Set.Six
	}
	return r.Peer.Addr().Is6()
}

// protocolText returns the protocol match, or "" if every protocol matches.
func protocolText(r sg.Rule) string {
	switch {
	case r.Protocol == packet.All:
		return ""
	case r.From == sg.Any:
		return "meta l4proto " + l4proto(r.Protocol)
	case r.Protocol == packet.ICMP || r.Protocol == packet.ICMPv6:
		if r.To == sg.Any {
			return fmt.Sprintf("%s type %d", r.Protocol, r.From)
		}
		return fmt.Sprintf("%s type %d %s code %d", r.Protocol, r.From, r.Protocol, r.To)
	case r.From == r.To:
		return fmt.Sprintf("%s dport %d", r.Protocol, r.From)
	}
	return fmt.Sprintf("%s dport %d-%d", r.Protocol, r.From, r.To)
}

// l4proto returns the protocol's name in nft(8), which uses IANA's name for ICMPv6.
func l4proto(p packet.Protocol) string {
	if p == packet.ICMPv6 {
		return "ipv6-icmp"
	}
	return p.String()
}

func versionText(six bool) string {
	if six {
		return "meta nfproto ipv6"
	}
	return "meta nfproto ipv4"
}
