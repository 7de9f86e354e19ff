package sg

import (
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// Nearest lists the rules of the groups that fail to match a packet only because its peer is a public
// IPv4 address: a rule that names a group matches the private addresses of its members (VPC user
// guide, "Security group rules").
func (a *Account) Nearest(groups []*Group, d packet.Direction, p Packet) (near []Finding) {
	i, known := a.behind(p.Peer)
	if !known && !isPublic(p.Peer) || slices.ContainsFunc(a.Interfaces, func(i Interface) bool { return i.has(p.Peer) }) {
		return nil
	}
	l := lookup{Account: a}
	for _, g := range groups {
		for _, r := range g.Rules(d) {
			rule := GroupRule{g.Key(), d, r}
			if reason, _ := l.unreachable(rule); r.Reference == (Reference{}) || !r.AllowsWhat(p) || !reason.Empty() {
				continue
			}
			switch {
			case !known:
				near = append(near, Finding{Group: g.ID, Rule: r.ID, Reason: say.F("a rule that names a group matches only private addresses of its members, and %s is a public address", p.Peer)})
			case slices.Contains(i.Groups, l.referred(rule)):
				near = append(near, Finding{Group: g.ID, Rule: r.ID, Reason: say.F("a rule that names a group matches only private addresses of its members, and %s is the public address of %s", p.Peer, i.ID)})
			}
		}
	}
	return near
}

// behind returns the interface that has a public address.
func (a *Account) behind(public netip.Addr) (Interface, bool) {
	i := slices.IndexFunc(a.Interfaces, func(i Interface) bool { return slices.Contains(i.Public, public) })
	if i < 0 {
		return Interface{}, false
	}
	return a.Interfaces[i], true
}

// has reports whether an address is a private one of the interface.
func (i Interface) has(address netip.Addr) bool {
	return slices.Contains(i.Addresses, address) || slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// isPublic reports whether an IPv4 address is routed on the internet (RFC 1918, RFC 6598).
func isPublic(a netip.Addr) bool {
	return a.Is4() && a.IsGlobalUnicast() && !a.IsPrivate() && !netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}
