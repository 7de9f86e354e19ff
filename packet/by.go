package packet

// A By is what decided about a packet.
type By struct {
	Kind Kind `json:"by"`
	// ID is the rule's, or the name of the decision where no rule of a group gave it:
	// one of the constants below, or "acl-100" for a rule of a network ACL.
	ID string `json:"rule"`
	// Number is what a group's rule writes into the mark of the flows that it admits;
	// 0 for everything else.
	Number uint32 `json:"rule_number,omitempty"`
}

// A Kind is the part of a firewall that decides.
type Kind string

// The parts, in the order in which a packet meets them.
const (
	ByACL         Kind = "acl"         // a rule of a network ACL, or its default
	ByEstablished Kind = "established" // conntrack has an entry of the flow
	ByLink        Kind = "link"        // neighbour discovery and multicast listeners
	ByLoopback    Kind = "loopback"    // the packet never leaves the host
	ByService     Kind = "service"     // it goes to a service of Amazon's, which no group guards
	ByRelated     Kind = "related"     // it is an ICMP error about a flow that has an entry
	ByGroup       Kind = "group"       // a rule of a security group
	ByDefault     Kind = "default"     // nothing accepted it
)

// The ids of decisions that no rule of a group gives.
const (
	EstablishedID        = "established"
	RelatedID            = "related"
	NeighbourDiscoveryID = "neighbour-discovery" // no IPv6 host can do without it
	MulticastListenerID  = "multicast-listener"  // RFC 2710 and RFC 3810
	LoopbackID           = "loopback"
	AmazonServiceID      = "amazon-service"
	DefaultDenyID        = "default-deny"
	ACLDefaultDenyID     = "acl-default-deny"
)
