package report

import (
	"slices"
	"time"

	"lablab/flow"
	"lablab/packet"
)

// An Entry is a host's conntrack entry in reports and in a lab's API.
type Entry struct {
	Host            string   `json:"host"`
	Protocol        string   `json:"protocol"`
	Source          string   `json:"source"`
	Destination     string   `json:"destination"`
	SourcePort      *uint16  `json:"source_port,omitempty"`
	DestinationPort *uint16  `json:"destination_port,omitempty"`
	ICMPID          *uint16  `json:"icmp_id,omitempty"`
	ConntrackID     uint32   `json:"conntrack_id"`
	Packets         uint64   `json:"packets"`
	ReplyPackets    uint64   `json:"reply_packets"`
	Bytes           uint64   `json:"bytes"`
	ReplyBytes      uint64   `json:"reply_bytes"`
	TimeoutSeconds  int      `json:"timeout_seconds"`
	Status          []string `json:"status"`
	// TCPState is absent for other protocols and in older records.
	TCPState string `json:"tcp_state,omitempty"`
	// AdmittedBy is the id of the rule whose number is in the entry's mark.
	AdmittedBy      *string `json:"admitted_by"`
	AdmittingNumber uint32  `json:"admitting_rule_number"`
	AdmittingGone   bool    `json:"admitting_rule_revoked"`
	// ReleasedBy is the id of the outbound rule that let the flow leave, if the host forwards it.
	ReleasedBy      *string `json:"released_by,omitempty"`
	ReleasingNumber uint32  `json:"releasing_rule_number,omitempty"`
	ReleasingGone   bool    `json:"releasing_rule_revoked,omitempty"`
	// Untracked is whether EC2 would not track the flow: nothing is accepted because of the entry.
	Untracked bool `json:"untracked,omitempty"`
	// Blocked is whether the replies of the flow are dropped, since its last request was.
	Blocked bool `json:"blocked,omitempty"`
}

// State returns the words for the state of an entry: the TCP state, whether any reply has been
// seen, and conntrack's other flags.
func (e Entry) State() (words []string) {
	if e.TCPState != "" {
		words = append(words, e.TCPState)
	}
	if !slices.Contains(e.Status, flow.SeenReply) {
		words = append(words, "UNREPLIED") // conntrack(8)'s word for an entry without a reply
	}
	return append(words, e.Status...)
}

// EntryOf returns an entry of a host. The caller, who knows the rules, adds who admitted it.
func EntryOf(host string, e flow.Entry) Entry {
	entry := Entry{
		Host: host, Protocol: e.Orig.Protocol.String(), Source: e.Orig.Source.String(), Destination: e.Orig.Destination.String(),
		ConntrackID: e.ID, Packets: e.Sent.Packets, ReplyPackets: e.Got.Packets, Bytes: e.Sent.Bytes, ReplyBytes: e.Got.Bytes,
		TimeoutSeconds: int(e.Timeout / time.Second), Status: e.Status, TCPState: e.TCP, AdmittingNumber: e.Mark, ReleasingNumber: e.Released, Untracked: e.Untracked, Blocked: e.Blocked,
	}
	switch e.Orig.Protocol {
	case packet.ICMP, packet.ICMPv6:
		entry.ICMPID = &e.Orig.ICMPID
	case packet.TCP, packet.UDP:
		entry.SourcePort, entry.DestinationPort = &e.Orig.SourcePort, &e.Orig.DestinationPort
	}
	return entry
}
