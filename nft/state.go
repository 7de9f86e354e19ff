package nft

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// stateName returns the state for a bit that the trace contains, or "".
func stateName(bit uint32) packet.State {
	states := []packet.State{packet.New, packet.Established, packet.Related, packet.Invalid, packet.Untracked}
	i := slices.IndexFunc(states, func(s packet.State) bool { return uint32(ruleset.InState(s)) == bit })
	if i < 0 {
		return ""
	}
	return states[i]
}
