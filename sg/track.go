package sg

import "net/netip"

// Tracked reports whether EC2 tracks a flow whose first packet is p in direction
// d, on an interface that carries these groups. All but some flows of TCP and UDP
// are tracked; one is not if a rule for its own direction is open to the world
// and one for the other direction is open to the world for all ports.
//
// Source: EC2 user guide, "Security group connection tracking". What holds when
// both an open and a narrower rule admit the packet is not documented; here the
// open one counts, since EC2 applies the most permissive rule.
func Tracked(groups []*Group, d Direction, p Packet) bool {
	if p.Protocol != TCP && p.Protocol != UDP {
		return true
	}
	world := netip.MustParsePrefix("0.0.0.0/0")
	if p.Peer.Is6() {
		world = netip.MustParsePrefix("::/0")
	}
	other := Egress
	if d == Egress {
		other = Ingress
	}
	there := anyRule(groups, d, func(r Rule) bool { return r.Peer == world && r.allowsWhat(p) })
	back := anyRule(groups, other, func(r Rule) bool { return r.Peer == world && r.allPorts(p.Protocol) })
	return !there || !back
}

// allPorts reports whether the rule allows every port of p.
func (r Rule) allPorts(p Protocol) bool {
	return r.Protocol == All || r.Protocol == p && (r.From == Any || r.From == 0 && r.To == 65535)
}

func anyRule(groups []*Group, d Direction, matches func(Rule) bool) bool {
	for _, g := range groups {
		for _, r := range g.Rules(d) {
			if matches(r) {
				return true
			}
		}
	}
	return false
}
