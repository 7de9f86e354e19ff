// Package sg is EC2's security groups: what a group says, and how it changes.
// It knows no kernel and works on any OS. Facts come from the EC2 API reference
// and the VPC user guide; where those are silent, a comment says so.
package sg

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"lablab/packet"
)

// A Group is a security group: it allows what one of its rules allows, and
// nothing else. The order of rules means nothing.
type Group struct {
	ID, Name    string
	Description string
	VPC, Owner  string
	Tags        map[string]string
	Ingress     []Rule
	Egress      []Rule
	// partial is whether only describe-security-group-rules has told of it.
	partial bool
}

// Key is what the group is known by: its id, or its name where it has none.
func (g *Group) Key() string { return cmp.Or(g.ID, g.Name) }

// Rules are the group's rules for one direction.
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

// Clone is a copy that can be changed by itself.
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

// A Packet is what a group looks at: the first packet of a flow, in the
// direction of the rules it is held against.
type Packet struct {
	Protocol packet.Protocol
	// Peer is the other host: the source of an ingress packet, the destination of an egress one.
	Peer netip.Addr
	// To is the destination port of TCP and UDP, or the type of ICMP.
	To int
	// Code is the code of ICMP.
	Code int
}

// A Judgement says which rule of which group admits a packet.
type Judgement struct {
	Group *Group
	Rule  Rule
}

// Judge returns the rule that admits p, or false. When several do, it is the
// first: EC2 does not say which one it counts, since all of them allow. A packet to
// one of Amazon's [Services] is admitted by no group's rule, but by [AmazonService].
func (a *Account) Judge(groups []*Group, d packet.Direction, p Packet) (Judgement, bool) {
	if d == packet.Egress && slices.Contains(Services(), p.Peer) {
		return Judgement{Rule: Rule{ID: packet.AmazonServiceID}}, true
	}
	for _, g := range groups {
		for _, r := range g.Rules(d) {
			if r.allowsWhat(p) && a.means(r, p.Peer) {
				return Judgement{Group: g, Rule: r}, true
			}
		}
	}
	return Judgement{}, false
}
