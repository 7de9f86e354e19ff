package nft

import "lablab/packet"

// A Counter is how often a rule has accepted, by the kernel's count.
type Counter struct {
	Direction packet.Direction
	Number    uint32 // 0 for a rule that is no group's
	ID        string
	Packets   uint64
	Bytes     uint64 // from the network header on
}
