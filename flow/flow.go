// Package flow is the vocabulary of conntrack: its entries, and what happens to them. Package
// conntrack below it reads them from the kernel.
package flow

import (
	"time"

	"lablab/packet"
)

// A Count is the traffic in one direction. It is zero unless nf_conntrack_acct was 1 when the entry
// was created.
type Count struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"` // counted from the network header on
}

// An Entry is a conntrack entry at one moment.
type Entry struct {
	// ID is the kernel's id; it is unique among the entries that a host has at the same time.
	ID     uint32     `json:"id"`
	Orig   packet.Key `json:"orig"`
	Reply  packet.Key `json:"reply"`
	Status []string   `json:"status"`
	// TCP is the state of a TCP connection, as conntrack(8) names it.
	TCP string `json:"tcp_state,omitempty"`
	// Timeout is how long the entry lasts without another packet, in whole seconds.
	Timeout time.Duration `json:"timeout_ns"`
	// Mark is the number of the rule that admitted the connection; where a host forwards it, that
	// of the inbound rule; 0 if it is untracked.
	Mark uint32 `json:"mark"`
	// Released is the number of the outbound rule that let a forwarded connection leave.
	Released uint32 `json:"released,omitempty"`
	// Untracked is whether EC2 would not track the connection: the rules decide on each of its
	// packets, as if there were no entry.
	Untracked bool `json:"untracked,omitempty"`
	// Blocked is whether the rules dropped the last request of the flow, so that its replies are
	// dropped too. Only some enforcement models do that.
	Blocked bool  `json:"blocked,omitempty"`
	Sent    Count `json:"sent"` // in the direction of the first packet
	Got     Count `json:"got"`  // in the other direction
}

// SeenReply is the status of an entry that has carried a packet in both directions (IPS_SEEN_REPLY of
// linux/netfilter/nf_conntrack_common.h).
const SeenReply = "SEEN_REPLY"

// A Change is what happened to an entry.
type Change string

// The changes that conntrack reports.
const (
	New     Change = "new"
	Update  Change = "update"
	Destroy Change = "destroy"
)
