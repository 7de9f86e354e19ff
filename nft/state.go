package nft

// The states of conntrack with the bits that `ct state` matches and that the
// trace carries: NF_CT_STATE_BIT in linux/netfilter/nf_conntrack_common.h.
var states = []struct {
	name string
	bit  uint32
}{
	{"new", 8},
	{"established", 2},
	{"related", 4},
	{"invalid", 1},
	{"untracked", 64},
}

// stateName is the state that a bit stands for, or "".
func stateName(bit uint32) string {
	for _, s := range states {
		if bit == s.bit {
			return s.name
		}
	}
	return ""
}
