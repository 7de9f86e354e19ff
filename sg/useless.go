package sg

import (
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// neverMatches returns why no packet can match the rule, or nothing.
func (r Rule) neverMatches() say.Sentence {
	nobody := netip.MustParsePrefix("255.255.255.255/32")
	switch {
	case r.Peer == nobody:
		return say.F("never matches: 255.255.255.255 is not a host's address (some tools use it for \"nothing\")")
	case r.Protocol == packet.ICMP && r.Peer.IsValid() && r.Peer.Addr().Is6():
		return say.F("never matches: icmp is for IPv4; IPv6 has icmpv6")
	case r.Protocol == packet.ICMPv6 && r.Peer.IsValid() && r.Peer.Addr().Is4():
		return say.F("never matches: icmpv6 is for IPv6; IPv4 has icmp")
	case r.From == Any:
		return say.Sentence{}
	case r.Protocol == packet.ICMP && r.From == 8 && r.To > 0:
		return say.F("never matches: an echo request has code 0; for ping: --port 8--1, or FromPort 8 and ToPort -1")
	case r.Protocol == packet.ICMPv6 && r.From == 8:
		return say.F("never matches: ICMPv6 has no type 8; its echo request is type 128")
	case r.Protocol != packet.ICMP && r.Protocol != packet.ICMPv6:
		return say.Sentence{}
	}
	codes, assigned := icmpCodes(r.Protocol, r.From)
	switch {
	case !assigned:
		return say.F("never matches: %s type %d is not assigned", r.Protocol, r.From)
	case r.To > codes:
		return say.F("never matches: %s type %d has no code %d", r.Protocol, r.From, r.To)
	}
	return say.Sentence{}
}

// icmpCodes returns the highest code of an ICMP type, and whether any message has that type (IANA,
// "ICMP Parameters" and "ICMPv6 Parameters").
func icmpCodes(p packet.Protocol, kind int) (highest int, assigned bool) {
	const unlimited = 255 // also where the registry lists none, or a few far apart
	if p == packet.ICMPv6 {
		highest, known := map[int]int{1: 8, 2: 0, 3: 1, 128: 0, 129: 0, 133: 0, 134: 0, 135: 0, 136: 0, 137: 0}[kind]
		if known {
			return highest, true
		}
		return unlimited, kind == 4 || kind >= 100
	}
	highest, known := map[int]int{0: 0, 3: 15, 4: 0, 5: 3, 8: 0, 10: 0, 11: 1, 12: 2, 13: 0, 14: 0, 15: 0, 16: 0, 17: 0, 18: 0, 42: 0, 43: 4}[kind]
	if known {
		return highest, true
	}
	return unlimited, kind == 6 || kind == 9 || kind >= 30 && kind <= 41 || kind == 253 || kind == 254
}

// mostCompared is how many rules of a group are compared with each other: the highest quota of rules
// per interface. It takes the square of it.
const mostCompared = 1000

// widerThan returns another of the rules that allows everything that r does.
func widerThan(r Rule, rules []Rule) (Rule, bool) {
	if len(rules) > mostCompared {
		return Rule{}, false
	}
	i := slices.IndexFunc(rules, func(o Rule) bool { return !o.Same(r) && o.covers(r) })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}

// covers reports whether the rule allows everything that another one does, without looking up lists and groups.
func (r Rule) covers(o Rule) bool {
	switch {
	case r.Protocol != packet.All && r.Protocol != o.Protocol:
		return false
	case r.Protocol == packet.All || r.From == Any || !hasPorts(r.Protocol):
	case r.Protocol == packet.ICMP || r.Protocol == packet.ICMPv6:
		if r.From != o.From || r.To != Any && r.To != o.To {
			return false
		}
	case o.From == Any && (r.From != 0 || r.To != lastPort), o.From != Any && (o.From < r.From || r.To < o.To):
		return false
	}
	if r.Peer.IsValid() || o.Peer.IsValid() {
		return r.Peer.IsValid() && o.Peer.IsValid() && r.Peer.Bits() <= o.Peer.Bits() && r.Peer.Contains(o.Peer.Addr())
	}
	a, b := r.canonical(), o.canonical()
	return a.PrefixList == b.PrefixList && a.Reference == b.Reference
}
