// Package flow is what conntrack knows: keys of connections and their entries;
// listing and watching them. It hides the types of ti-mo/conntrack, which
// compile on Linux only.
package flow

import (
	"time"

	"lablab/packet"
)

// A Count is how much went one way. Zero unless nf_conntrack_acct was 1 when
// the entry was made.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"` // from the network header on
}

// An Entry is a conntrack entry at one moment.
type Entry struct {
	// ID is the kernel's; unique among the entries of a host that live at the same time.
	ID     uint32     `json:"id"`
	Orig   packet.Key `json:"orig"`
	Reply  packet.Key `json:"reply"`
	Status []string   `json:"status"`
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
