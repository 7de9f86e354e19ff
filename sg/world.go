package sg

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// internet holds, for each version of IP, the addresses of the public Internet: not those that the
// registries of special-purpose addresses keep for private networks and other uses (IANA, RFC 6890).
var internet = [][]span{
	publicOf("0.0.0.0/0", "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
	publicOf("2000::/3", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
}

func publicOf(all string, special ...string) []span {
	var prefixes []netip.Prefix
	for _, s := range special {
		prefixes = append(prefixes, netip.MustParsePrefix(s))
	}
	return minus(spansOf([]netip.Prefix{netip.MustParsePrefix(all)}), spansOf(prefixes))
}

// holdWorld reports whether ranges hold every public address of a version of IP, such as 0.0.0.0/1
// with 128.0.0.0/1, or 2000::/3.
func holdWorld(ranges []netip.Prefix) bool {
	const narrowest = 3 // that a single range can be
	if len(ranges) == 1 && ranges[0].Bits() > narrowest {
		return false
	}
	spans := spansOf(ranges)
	return slices.ContainsFunc(internet, func(public []span) bool { return len(minus(public, spans)) == 0 })
}

// openTogether returns what several inbound rules of a group open to the world, although none of them
// does so alone.
func (l lookup) openTogether(g *Group) (findings []Finding) {
	if len(g.Ingress) > mostCompared {
		return nil
	}
	entrances := slices.DeleteFunc(l.entrances(g, nil), func(e entrance) bool { return e.kind != ToRange })
	known := map[string]bool{}
	for _, six := range []bool{false, true} {
		var some []entrance // those with addresses of that version
		var all []netip.Prefix
		for _, e := range entrances {
			if e.peers = ofVersion(e.peers, six); len(e.peers) > 0 {
				some = append(some, e)
			}
			if !holdWorld(e.peers) {
				all = append(all, e.peers...)
			}
		}
		if !holdWorld(all) {
			continue
		}
		for _, p := range samples(some) {
			needed := together(some, p)
			ids := make([]string, len(needed))
			for i, r := range needed {
				ids[i] = r.ID
			}
			if key := strings.Join(ids, " "); len(needed) > 0 && !known[key] {
				known[key] = true
				findings = append(findings, Finding{Group: g.ID, Reason: saidTogether(needed)})
			}
		}
	}
	return findings
}

// together returns the rules that allow a packet from the world together, if none does so alone.
func together(entrances []entrance, p Packet) (needed []Rule) {
	var all []netip.Prefix
	of := map[netip.Prefix]Rule{}
	for _, e := range entrances {
		switch {
		case !e.AllowsWhat(p):
			continue
		case holdWorld(e.peers):
			return nil
		}
		for _, peer := range e.peers {
			if _, there := of[peer]; !there {
				of[peer] = e.Rule
				all = append(all, peer)
			}
		}
	}
	if !holdWorld(all) {
		return nil
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	var last netip.Prefix
	for _, peer := range all {
		if last.IsValid() && last.Contains(peer.Addr()) {
			continue // inside a wider range
		}
		last = peer
		if r := of[peer]; !slices.Contains(needed, r) {
			needed = append(needed, r)
		}
	}
	return needed
}

// samples returns a packet for each set of ports, types and codes that rules do not tell apart.
func samples(entrances []entrance) (packets []Packet) {
	ports, codes := map[packet.Protocol][]int{}, map[packet.Protocol][]int{otherProtocols: {0}}
	for _, p := range []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6, otherProtocols} {
		ports[p] = []int{0}
	}
	for _, e := range entrances {
		first, last := e.ends()
		ports[e.Protocol] = append(ports[e.Protocol], first, min(last+1, mostOf(e.Protocol)))
		if e.Protocol.IsICMP() && e.To != Any {
			codes[e.Protocol] = append(codes[e.Protocol], e.To)
		}
	}
	for p, list := range ports {
		codes := sortedOnce(append(codes[p], 0))
		for _, port := range sortedOnce(list) {
			for _, code := range codes {
				packets = append(packets, Packet{Protocol: p, To: port, Code: code})
			}
		}
	}
	slices.SortStableFunc(packets, func(a, b Packet) int { return cmp.Compare(rank(a.Protocol), rank(b.Protocol)) })
	return packets
}

func sortedOnce(list []int) []int {
	slices.Sort(list)
	return slices.Compact(list)
}

func ofVersion(prefixes []netip.Prefix, six bool) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool { return p.Addr().Is6() != six })
}

// saidTogether describes what all of the rules allow, and from where they do.
func saidTogether(rules []Rule) say.Sentence {
	const most = 4 // more ranges than a reader compares
	what := rules[0]
	var peers, ids []string
	for i, r := range rules {
		what = what.and(r)
		if i < most {
			peers, ids = append(peers, r.PeerText()), append(ids, r.ID)
		}
	}
	if more := len(rules) - most; more > 0 {
		return say.F("several rules together are open to the world: %s from %s, and %d more (%s, …)", what.What(), strings.Join(peers, ", "), more, strings.Join(ids, ", "))
	}
	return say.F("several rules together are open to the world: %s from %s (%s)", what.What(), strings.Join(peers, ", "), strings.Join(ids, ", "))
}

// and returns what both rules allow, whatever their peers, if they have something in common.
func (r Rule) and(o Rule) Rule {
	switch {
	case o.Protocol == packet.All:
	case r.Protocol == packet.All:
		r.Protocol, r.From, r.To = o.Protocol, o.From, o.To
	case o.From == Any:
	case r.From == Any:
		r.From, r.To = o.From, o.To
	case r.Protocol.IsICMP():
		r.To = max(r.To, o.To) // one of them may be Any
	default:
		r.From, r.To = max(r.From, o.From), min(r.To, o.To)
	}
	return r
}
