package packet

import (
	"fmt"
	"slices"
	"strings"
)

// A By is what decided about a packet.
type By struct {
	Kind Kind `json:"by"`
	// ID is the rule's id. If no rule of a group decided, it is one of the constants below, or
	// "acl-100" for a rule of a network ACL.
	ID string `json:"rule"`
	// Number is what a group's rule writes into the mark of the flows that it admits; 0 for
	// everything else.
	Number uint32 `json:"rule_number,omitempty"`
	// Site is where a host's own ruleset has what decided.
	Site Site `json:"site,omitzero"`
}

// A Site is a place in an nftables ruleset: a rule, or the policy of a chain.
type Site struct {
	Family string `json:"family"` // as in nft(8): inet, ip or ip6
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	Handle uint64 `json:"handle,omitempty"` // of the rule; 0 for the policy
}

// String returns the place as nft(8) names it.
func (s Site) String() string {
	if s.Handle == 0 {
		return fmt.Sprintf("%s %s %s policy", s.Family, s.Table, s.Chain)
	}
	return fmt.Sprintf("%s %s %s handle %d", s.Family, s.Table, s.Chain, s.Handle)
}

// A Kind is the part of a firewall that decides.
type Kind string

// The parts, in the order in which a packet meets them.
const (
	ByACL         Kind = "acl"         // a rule of a network ACL, or its default
	ByEstablished Kind = "established" // conntrack has an entry for the flow
	ByLink        Kind = "link"        // neighbour discovery and multicast listeners
	ByLoopback    Kind = "loopback"    // the packet never leaves the host
	ByService     Kind = "service"     // it goes to one of Amazon's services, which no group filters
	ByRelated     Kind = "related"     // it is an ICMP error about a flow that has an entry
	ByCheck       Kind = "check"       // EC2's source/destination check: the packet is neither from nor to the host
	ByGroup       Kind = "group"       // a rule of a security group
	ByDefault     Kind = "default"     // nothing accepted it
	ByTombstone   Kind = "tombstone"   // it is a reply, and the last request of its flow was dropped
	ByModel       Kind = "model"       // the enforcement model does not filter packets like it
	ByGateway     Kind = "gateway"     // the NAT gateway does not know the connection, and resets it
	ByRuleset     Kind = "ruleset"     // the host's own ruleset: a rule, a policy, or no chain at all
)

// The ids of decisions that do not come from a group's rule.
const (
	EstablishedID        = "established"
	RelatedID            = "related"
	NeighbourDiscoveryID = "neighbour-discovery" // every IPv6 host needs it
	MulticastListenerID  = "multicast-listener"  // RFC 2710 and RFC 3810
	LoopbackID           = "loopback"
	AmazonServiceID      = "amazon-service"
	DefaultDenyID        = "default-deny"
	SourceDestCheckID    = "source-dest-check"
	ACLDefaultDenyID     = "acl-default-deny"
	TombstoneID          = "tombstone"
	NotFilteredID        = "not-filtered"   // the model, or the host's own ruleset, filters nothing in this direction
	AnyEchoReplyID       = "any-echo-reply" // the model accepts every echo reply
	UnknownConnectionID  = "unknown-connection"
	MidConnectionID      = "mid-connection" // the model accepts every TCP segment that does not begin a connection
)

// Reserved reports whether an id stands for a decision that does not come from a group's rule, so
// that no rule may have it.
func Reserved(id string) bool {
	return slices.Contains([]string{EstablishedID, RelatedID, DefaultDenyID, AmazonServiceID, SourceDestCheckID, TombstoneID, NotFilteredID, AnyEchoReplyID, MidConnectionID, UnknownConnectionID}, id) || strings.HasPrefix(id, "acl-")
}
