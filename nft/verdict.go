package nft

import (
	"fmt"

	"lablab/packet"
)

// A Verdict is what happened to one packet at one host, as the kernel traced it.
type Verdict struct {
	Direction packet.Direction
	// State is the packet's conntrack state: new, established, related, invalid or untracked.
	State    packet.State
	Accepted bool
	By       packet.By
	Packet   packet.Header
	// KernelState is the state that the trace itself carries, from Linux 6.16 on;
	// empty before.
	KernelState packet.State
	// Headers are the packet's, of IP and the beginning of what is behind it, as far as
	// the trace has them; of packets that leave only.
	Headers []byte
}

func (v Verdict) String() string {
	verdict := "drop"
	if v.Accepted {
		verdict = "accept"
	}
	return fmt.Sprintf("%s %s %s %s by %s", v.Direction, v.Packet, v.State, verdict, v.By.ID)
}
