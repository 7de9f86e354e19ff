// Package sg models EC2's security groups: what a group allows, and how it changes. It does not
// depend on a kernel and works on any OS. Facts come from the EC2 API reference and the VPC user
// guide; where those are silent, a comment says so.
package sg

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"lablab/packet"
)

// A Group is a security group: it allows what one of its rules allows, and nothing else. The order
// of rules does not matter.
type Group struct {
	ID, Name    string
	Description string
	VPC, Owner  string
	Tags        map[string]string
	Ingress     []Rule
	Egress      []Rule
	// partial is whether the group is known from describe-security-group-rules only.
	partial bool
	// missing is why the rules of a direction are not known: the file has none of their lists.
	missing map[packet.Direction]*FileError
}

// Key returns what identifies the group: its id, or its name if it has none.
func (g *Group) Key() string { return cmp.Or(g.ID, g.Name) }

// Rules returns the group's rules for one direction.
func (g *Group) Rules(d packet.Direction) []Rule {
	if d == packet.Ingress {
		return g.Ingress
	}
	return g.Egress
}

// Find returns the rule with that id, and its direction.
func (g *Group) Find(id string) (Rule, packet.Direction, bool) {
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, r := range g.Rules(d) {
			if r.ID == id {
				return r, d, true
			}
		}
	}
	return Rule{}, "", false
}

// Clone returns an independent copy.
func (g *Group) Clone() *Group {
	clone := *g
	clone.Tags, clone.Ingress, clone.Egress = maps.Clone(g.Tags), slices.Clone(g.Ingress), slices.Clone(g.Egress)
	return &clone
}

func (g *Group) side(d packet.Direction) *[]Rule {
	if d == packet.Ingress {
		return &g.Ingress
	}
	return &g.Egress
}

// A Packet is what a group sees of a packet: the first packet of a flow, in the direction of the
// rules that it is checked against.
type Packet struct {
	Protocol packet.Protocol
	// Peer is the other host: the source of an ingress packet, the destination of an egress one.
	Peer netip.Addr
	// To is the destination port of TCP and UDP, or the ICMP type.
	To int
	// Code is the ICMP code.
	Code int
	// Forwarded is whether the packet passes through the host, rather than being for it or from it.
	Forwarded bool
}

// discovers reports whether the packet is neighbour discovery (RFC 4861): types 133 to 137, which no
// host forwards as such.
func (p Packet) discovers() bool {
	return !p.Forwarded && p.Protocol == packet.ICMPv6 && p.Peer.Is6() && p.To >= 133 && p.To <= 137
}

// A Judgement says which rule of which group admits a packet.
type Judgement struct {
	Group *Group
	Rule  Rule
}

// Judge returns the rule that admits p, or false. If several do, it returns the first: EC2 does not
// say which one counts, since all of them allow. No rule of a group admits a packet to one of
// Amazon's [Services] (its rule is [packet.AmazonServiceID]), or neighbour discovery
// ([packet.NeighbourDiscoveryID]): groups do not filter these.
func (a *Account) Judge(groups []*Group, d packet.Direction, p Packet) (Judgement, bool) {
	if by, is := unfiltered(d, p); is {
		return by, true
	}
	for by := range a.Allowing(groups, d, p) {
		return by, true
	}
	return Judgement{}, false
}

// unfiltered returns what admits a packet that no group filters, or false.
func unfiltered(d packet.Direction, p Packet) (Judgement, bool) {
	switch {
	case d == packet.Egress && slices.Contains(services, p.Peer):
		return Judgement{Rule: Rule{ID: packet.AmazonServiceID}}, true
	case p.discovers():
		return Judgement{Rule: Rule{ID: packet.NeighbourDiscoveryID}}, true
	}
	return Judgement{}, false
}

// Allowing yields every rule that allows p, in order.
func (a *Account) Allowing(groups []*Group, d packet.Direction, p Packet) iter.Seq[Judgement] {
	return func(yield func(Judgement) bool) {
		for _, g := range groups {
			for _, r := range g.Rules(d) {
				if r.AllowsWhat(p) && a.means(GroupRule{g.Key(), d, r}, p.Peer) && !yield(Judgement{Group: g, Rule: r}) {
					return
				}
			}
		}
	}
}
