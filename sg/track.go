package sg

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"lablab/packet"
)

// An Untracked is a set of flows that EC2 does not track: of one protocol (TCP or UDP) and one
// version of IP, with a first packet in one direction to one of these ports.
type Untracked struct {
	Direction packet.Direction
	Six       bool
	Protocol  packet.Protocol
	From, To  int // destination ports of the first packet
}

func (u Untracked) String() string {
	version := 4
	if u.Six {
		version = 6
	}
	return fmt.Sprintf("%s IPv%d %s %d-%d", u.Direction, version, u.Protocol, u.From, u.To)
}

// Covers reports whether p is the first packet of such a flow.
func (u Untracked) Covers(d packet.Direction, p Packet) bool {
	return u.Direction == d && u.Six == p.Peer.Is6() && u.Protocol == p.Protocol && u.From <= p.To && p.To <= u.To
}

// Within reports whether other covers everything that u covers.
func (u Untracked) Within(other Untracked) bool {
	same := u
	same.From, same.To = other.From, other.To
	return same == other && other.From <= u.From && u.To <= other.To
}

const lastPort = 65535

// UntrackedBy returns what EC2 does not track on an interface with these groups: TCP and UDP to
// ports that a rule opens to the world, if a rule for the other direction opens all ports to the
// world. Everything else is tracked. The result is sorted and does not overlap.
//
// Source: EC2 user guide, "Security group connection tracking". It does not say what applies if
// both an open and a narrower rule admit the packet; here the open one counts, since EC2 applies
// the most permissive rule.
func UntrackedBy(groups []*Group) []Untracked {
	var list []Untracked
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		other := d.Opposite()
		for _, world := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
			for _, p := range []packet.Protocol{packet.TCP, packet.UDP} {
				if !slices.Contains(openPorts(groups, other, world, p), [2]int{0, lastPort}) {
					continue
				}
				for _, ports := range joined(openPorts(groups, d, world, p)) {
					list = append(list, Untracked{d, world.Addr().Is6(), p, ports[0], ports[1]})
				}
			}
		}
	}
	return list
}

// Tracked reports whether EC2 tracks a flow whose first packet is p in direction d, on an interface
// with these groups.
func Tracked(groups []*Group, d packet.Direction, p Packet) bool {
	return !slices.ContainsFunc(UntrackedBy(groups), func(u Untracked) bool { return u.Covers(d, p) })
}

// MayBeUntracked reports whether EC2 might not track a flow although the rules that were read say so:
// rules that are not known might open its port, and all ports for the other direction, to the world.
func (a *Account) MayBeUntracked(groups []*Group, d packet.Direction, p Packet) bool {
	known := func(g *Group) bool { return len(a.unreadOf(g)) == 0 }
	if p.Protocol != packet.TCP && p.Protocol != packet.UDP || !slices.ContainsFunc(groups, func(g *Group) bool { return !known(g) }) {
		return false
	}
	world := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if p.Peer.Is6() {
		world = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	opens := func(d packet.Direction, first, last int) bool {
		ports := openPorts(groups, d, world, p.Protocol)
		for _, g := range groups {
			for _, u := range a.unreadOf(g) {
				if (u.Direction == d || u.Direction == "") && u.PrefixList == "" && u.Reference == (Reference{}) {
					rule := u.Rule
					if !rule.Peer.IsValid() {
						rule.Peer = world
					}
					ports = append(ports, openPorts([]*Group{{Ingress: []Rule{rule}}}, packet.Ingress, world, p.Protocol)...)
				}
			}
		}
		return slices.ContainsFunc(ports, func(open [2]int) bool { return open[0] <= first && last <= open[1] })
	}
	return opens(d, p.To, p.To) && opens(d.Opposite(), 0, lastPort)
}

// openPorts returns the port ranges that rules open to the world, rule by rule.
func openPorts(groups []*Group, d packet.Direction, world netip.Prefix, p packet.Protocol) [][2]int {
	var ports [][2]int
	for _, g := range groups {
		for _, r := range g.Rules(d) {
			switch {
			case r.Peer != world || r.Protocol != packet.All && r.Protocol != p:
			case r.Protocol == packet.All || r.From == Any:
				ports = append(ports, [2]int{0, lastPort})
			default:
				ports = append(ports, [2]int{r.From, r.To})
			}
		}
	}
	return ports
}

// joined returns the same ports in as few ranges as possible.
func joined(ports [][2]int) [][2]int {
	slices.SortFunc(ports, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	var ranges [][2]int
	for _, p := range ports {
		if n := len(ranges); n > 0 && p[0] <= ranges[n-1][1]+1 {
			ranges[n-1][1] = max(ranges[n-1][1], p[1])
			continue
		}
		ranges = append(ranges, p)
	}
	return ranges
}
