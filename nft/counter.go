package nft

import "lablab/packet"

// A Counter is how often a rule has accepted, as counted by the kernel.
type Counter struct {
	Direction packet.Direction
	Number    uint32 // 0 if the rule belongs to no group
	ID        string
	Packets   uint64
	Bytes     uint64 // counted from the network header on
	Chain     string // in which the rule is: one for each way past the rules
}
