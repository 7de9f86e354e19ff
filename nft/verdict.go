package nft

import (
	"fmt"

	"lablab/sg"
)

// A Judge is what decided about a packet: a security-group rule, the rule that
// accepts what is established, or the default.
type Judge struct {
	Number uint32 // of the security-group rule; 0 for the two others
	ID     string // the rule's id, Established or DefaultDeny
}

// A Verdict is what happened to one packet at one host, as the kernel traced it.
type Verdict struct {
	Direction sg.Direction
	// State is the packet's conntrack state: new, established, related, invalid or untracked.
	State    string
	Accepted bool
	By       Judge
	Packet   Packet
	// KernelState is the state that the trace itself carries, from Linux 6.16 on;
	// empty before.
	KernelState string
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
