package nft

import (
	"fmt"

	"lablab/packet"
)

// A Verdict is what happened to one packet at one host, as the kernel traced it.
type Verdict struct {
	Direction packet.Direction
	// Forwarded says that the host was to forward the packet: then its inbound rules give a verdict,
	// and after that the outbound ones.
	Forwarded bool
	// State is the packet's conntrack state: new, established, related, invalid or untracked.
	State    packet.State
	Accepted bool
	By       packet.By
	// Rejected is whether the rule that drops the packet also tells its sender.
	Rejected bool
	Packet   packet.Header
	// KernelState is the state in the trace message itself, since Linux 6.16; empty before.
	KernelState packet.State
	// Neighbour is the link-layer address that an incoming packet came from, if it came by Ethernet.
	Neighbour [6]byte
	// Headers are the packet's IP header and the start of what follows, as far as the trace has
	// them. They are set only for outgoing packets; of one that is forwarded, as it arrived.
	Headers []byte
}

func (v Verdict) String() string {
	verdict := "drop"
	if v.Accepted {
		verdict = "accept"
	}
	direction := string(v.Direction)
	if v.Forwarded {
		direction = "forwarded " + direction
	}
	return fmt.Sprintf("%s %s %s %s by %s", direction, v.Packet, v.State, verdict, v.By.ID)
}
