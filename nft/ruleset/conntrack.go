package ruleset

import (
	"fmt"
	"slices"

	"lablab/packet"
)

// State matches packets by what conntrack makes of them. Its bits are NF_CT_STATE_BIT in
// linux/netfilter/nf_conntrack_common.h.
type State uint32

// states are the states by their bits.
var states = []packet.State{packet.Invalid, packet.Established, packet.Related, packet.New, "", "", packet.Untracked}

// InState matches packets in any of these states.
func InState(these ...packet.State) State {
	var bits State
	for _, s := range these {
		bits |= 1 << slices.Index(states, s)
	}
	return bits
}

func (s State) String() string {
	texts := make([]string, len(states))
	for i, state := range states {
		texts[i] = string(state)
	}
	return "ct state " + names(uint32(s), texts...)
}

// FlowDirection matches packets by the end of the flow that they come from.
type FlowDirection string

// The directions of a flow.
const (
	Original FlowDirection = "original" // from where the first packet came
	Reply    FlowDirection = "reply"
)

func (d FlowDirection) String() string { return "ct direction " + string(d) }

// Status matches packets of flows whose entry has any of these bits: IPS in
// linux/netfilter/nf_conntrack_common.h.
type Status uint32

// The bits.
const (
	SeenReply Status = 1 << 1
	Assured   Status = 1 << 2
	SNAT      Status = 1 << 4 // the host replaces the source
	DNAT      Status = 1 << 5 // the host replaces the destination
)

func (s Status) String() string {
	return "ct status " + names(uint32(s), "expected", "seen-reply", "assured", "confirmed", "snat", "dnat")
}

// CtMark matches the mark of a packet's conntrack entry, or those of its bits that are in Mask. It
// compares them with Value or, if Set is not empty, looks the mark up in a set.
type CtMark struct {
	Mask  uint32 // 0 stands for all bits
	Value uint32
	Set   string
	Not   bool
}

func (m CtMark) String() string {
	operator := ""
	if m.Not {
		operator = "!= "
	}
	switch {
	case m.Set != "":
		return fmt.Sprintf("ct mark %s@%s", operator, m.Set)
	case m.Mask == 0:
		return fmt.Sprintf("ct mark %s%s", operator, number(m.Value))
	case operator == "":
		operator = "== "
	}
	return fmt.Sprintf("ct mark & %s %s%s", number(m.Mask), operator, number(m.Value))
}

// OriginalPorts matches a port that the first packet of the flow had when it arrived. The statements
// before it match the protocol. With ICMP, the destination port is the type and the code.
type OriginalPorts struct {
	Side        Side
	First, Last uint16
}

func (p OriginalPorts) String() string {
	return fmt.Sprintf("ct original proto-%s %s", map[Side]string{Source: "src", Destination: "dst"}[p.Side], span(int(p.First), int(p.Last)))
}
