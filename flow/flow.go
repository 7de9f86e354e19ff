// Package flow is what conntrack knows: keys of connections and their entries;
// listing and watching them. It hides the types of ti-mo/conntrack, which
// compile on Linux only.
package flow

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"lablab/sg"
)

// A Key is one direction of a connection, as conntrack tells connections apart:
// addresses and ports, or addresses and the echo id of ICMP. The sequence
// number of an echo is not part of it (net/netfilter/nf_conntrack_proto_icmp.c).
type Key struct {
	Protocol    sg.Protocol `json:"protocol"`
	Source      netip.Addr  `json:"source"`
	Destination netip.Addr  `json:"destination"`
	// Ports are those of TCP, UDP and SCTP; host byte order.
	SourcePort      uint16 `json:"source_port,omitempty"`
	DestinationPort uint16 `json:"destination_port,omitempty"`
	// ICMPID is the echo id; host byte order.
	ICMPID   uint16 `json:"icmp_id,omitempty"`
	ICMPType uint8  `json:"icmp_type,omitempty"`
	ICMPCode uint8  `json:"icmp_code,omitempty"`
}

func (k Key) String() string {
	switch k.Protocol {
	case sg.ICMP, sg.ICMPv6:
		return fmt.Sprintf("%s %s > %s id %d", k.Protocol, k.Source, k.Destination, k.ICMPID)
	case sg.TCP, sg.UDP:
		return fmt.Sprintf("%s %s > %s", k.Protocol, netip.AddrPortFrom(k.Source, k.SourcePort), netip.AddrPortFrom(k.Destination, k.DestinationPort))
	}
	return fmt.Sprintf("%s %s > %s", k.Protocol, k.Source, k.Destination)
}

// Compare orders keys, so that lists of entries come out the same each time.
func Compare(a, b Key) int {
	return cmp.Or(
		cmp.Compare(a.Protocol, b.Protocol), a.Source.Compare(b.Source), a.Destination.Compare(b.Destination),
		cmp.Compare(a.ICMPID, b.ICMPID), cmp.Compare(a.SourcePort, b.SourcePort), cmp.Compare(a.DestinationPort, b.DestinationPort),
	)
}

// A Count is how much went one way. Zero unless nf_conntrack_acct was 1 when
// the entry was made.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"` // from the network header on
}

// An Entry is a conntrack entry at one moment.
type Entry struct {
	// ID is the kernel's; unique among the entries of a host that live at the same time.
	ID     uint32   `json:"id"`
	Orig   Key      `json:"orig"`
	Reply  Key      `json:"reply"`
	Status []string `json:"status"`
	// TCP is the state of a TCP connection, as conntrack(8) calls it.
	TCP string `json:"tcp_state,omitempty"`
	// Timeout is how long the entry lives on without a packet, in whole seconds.
	Timeout time.Duration `json:"timeout_ns"`
	// Mark is the number of the rule that let the connection in.
	Mark uint32 `json:"mark"`
	Sent Count  `json:"sent"` // in the direction of the first packet
	Got  Count  `json:"got"`  // and back
}

// A Change is what an event says happened to an entry.
type Change string

// The changes that conntrack reports.
const (
	New     Change = "new"
	Update  Change = "update"
	Destroy Change = "destroy"
)

// An Event is a change of an entry. The kernel tells counters with Destroy only.
type Event struct {
	Change Change
	Entry  Entry
	// Kernel is when it happened by the kernel's clock; zero before Linux 6.14 or so.
	Kernel time.Time
}
