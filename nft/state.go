package nft

import "lablab/packet"

// The states of conntrack, with the bits that the trace contains:
// NF_CT_STATE_BIT in linux/netfilter/nf_conntrack_common.h.
var states = []struct {
	name packet.State
	bit  uint32
}{
	{packet.New, 8},
	{packet.Established, 2},
	{packet.Related, 4},
	{packet.Invalid, 1},
	{packet.Untracked, 64},
}

// stateName returns the state for a bit, or "".
func stateName(bit uint32) packet.State {
	for _, s := range states {
		if bit == s.bit {
			return s.name
		}
	}
	return ""
}
