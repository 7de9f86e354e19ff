package sg

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"

	"lablab/packet"
)

// hasPorts reports whether EC2 rules for p have ports, or a type and a code. For all other
// protocols EC2 ignores them (EC2 API, IpPermission).
func hasPorts(p packet.Protocol) bool {
	return p == packet.TCP || p == packet.UDP || p == packet.ICMP || p == packet.ICMPv6
}

// Any stands for every port, ICMP type or ICMP code.
const Any = -1

// A Rule allows packets of one protocol from (ingress) or to (egress) one peer. Exactly one of
// Peer, PrefixList and Reference names the peer.
type Rule struct {
	ID       string          `json:"id"`
	Protocol packet.Protocol `json:"protocol"`
	// From and To are the first and last destination port of TCP and UDP, or the ICMP type and
	// code, as EC2's FromPort and ToPort; Any matches all.
	From int `json:"from"`
	To   int `json:"to"`
	// Peer is an address range, without host bits.
	Peer netip.Prefix `json:"peer,omitzero"`
	// PrefixList is the id of a prefix list ("pl-…").
	PrefixList string `json:"prefix_list,omitempty"`
	// Reference is a security group: the private addresses of the hosts that have it.
	Reference Reference `json:"reference,omitzero"`
	// Description is free text with no effect.
	Description string `json:"description,omitempty"`
}

// A Reference names a security group as a peer. All fields but GroupID may be empty.
type Reference struct {
	GroupID   string `json:"group_id,omitempty"`
	GroupName string `json:"group_name,omitempty"`
	Owner     string `json:"owner,omitempty"` // account id; empty if the group was deleted
	VPC       string `json:"vpc,omitempty"`
	Peering   string `json:"peering,omitempty"` // id of the VPC peering connection, for a group of a peer VPC
	Status    string `json:"status,omitempty"`  // of that connection
}

// Same reports whether both rules allow the same packets, whatever their ids and descriptions.
func (r Rule) Same(o Rule) bool { return r.canonical() == o.canonical() }

// canonical returns just what the rule allows.
func (r Rule) canonical() Rule {
	r.ID, r.Description = "", ""
	r.Peer = r.Peer.Masked()
	if !hasPorts(r.Protocol) {
		r.From, r.To = Any, Any
	}
	// A reference to the same group may have more or fewer fields set.
	reference := Reference{GroupID: r.Reference.GroupID}
	if reference.GroupID == "" {
		reference.GroupName = r.Reference.GroupName
	}
	r.Reference = reference
	return r
}

// PeerText returns the rule's peer: an address range, a prefix list or a group.
func (r Rule) PeerText() string {
	if r.Peer.IsValid() {
		return r.Peer.String()
	}
	return cmp.Or(r.PrefixList, r.Reference.GroupID, r.Reference.GroupName)
}

// String returns the rule as a person would write it: "tcp 22 0.0.0.0/0".
func (r Rule) String() string { return r.What() + " " + r.PeerText() }

// What returns the rule without its peer: protocol and ports.
func (r Rule) What() string {
	switch {
	case r.From == Any || !hasPorts(r.Protocol):
		return r.Protocol.String()
	case r.Protocol == packet.ICMP || r.Protocol == packet.ICMPv6:
		if r.To == Any {
			return fmt.Sprintf("%s type %d", r.Protocol, r.From)
		}
		return fmt.Sprintf("%s type %d code %d", r.Protocol, r.From, r.To)
	case r.From == r.To:
		return fmt.Sprintf("%s %d", r.Protocol, r.From)
	}
	return fmt.Sprintf("%s %d-%d", r.Protocol, r.From, r.To)
}

// AllowsWhat reports whether protocol and ports match, whatever the peer.
func (r Rule) AllowsWhat(p Packet) bool {
	if r.Protocol == packet.All {
		return true
	}
	if r.Protocol != p.Protocol {
		return false
	}
	switch r.Protocol {
	case packet.TCP, packet.UDP:
		return r.From == Any || r.From <= p.To && p.To <= r.To
	case packet.ICMP, packet.ICMPv6:
		return r.From == Any || r.From == p.To && (r.To == Any || r.To == p.Code)
	}
	return true
}

// peerText returns the rule as EC2 words it in InvalidPermission.Duplicate (seen in a real message:
// `peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW`).
func (r Rule) peerText() string {
	switch r.Protocol {
	case packet.All:
		return fmt.Sprintf("peer: %s, ALL, ALLOW", r.PeerText())
	case packet.ICMP, packet.ICMPv6:
		return fmt.Sprintf("peer: %s, ICMP, type: %s, code: %s, ALLOW", r.PeerText(), anyOr(r.From), anyOr(r.To))
	case packet.TCP, packet.UDP:
		name := map[packet.Protocol]string{packet.TCP: "TCP", packet.UDP: "UDP"}[r.Protocol]
		return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", r.PeerText(), name, r.From, r.To)
	}
	return fmt.Sprintf("peer: %s, %s, ALLOW", r.PeerText(), r.Protocol)
}

func anyOr(n int) string {
	if n == Any {
		return "ALL"
	}
	return strconv.Itoa(n)
}
