package packet

// A Mark is the mark of packets that rules accept, and of the conntrack entries of the flows that
// such packets begin: the number of one rule or, if the host forwards the flow, those of an inbound
// and of an outbound rule. Bit 30 tells the two apart.
type Mark uint32

const (
	forwardedMark = Mark(1) << 30
	halfBits      = 15
	numberMask    = forwardedMark - 1
)

// MostForwarding is the greatest number that a rule of a host that forwards can have: the mark of a
// forwarded flow holds two.
const MostForwarding = 1<<halfBits - 1

// UntrackedMark is the mark of conntrack entries whose flows EC2 would not track: it names no rule,
// and no packet is accepted because of such an entry.
const UntrackedMark = Mark(1) << 31

// Tombstone is the bit of an entry's mark that stops the replies of its flow, under the enforcement
// models that have it.
const Tombstone = Mark(1) << 31

// Blocked reports whether the mark has a [Tombstone].
func (m Mark) Blocked() bool { return m&Tombstone != 0 && m != UntrackedMark }

// Admitted returns the number of the rule that admitted the flow; if the host forwards it, that of
// the inbound rule, or 0 if the flow came in where no group guards.
func (m Mark) Admitted() uint32 {
	if m&forwardedMark == 0 {
		return uint32(m & numberMask)
	}
	return uint32(m & MostForwarding)
}

// Released returns the number of the outbound rule that let a forwarded flow leave; 0 if the host
// does not forward the flow.
func (m Mark) Released() uint32 {
	if m&forwardedMark == 0 {
		return 0
	}
	return uint32(m >> halfBits & MostForwarding)
}

// ForwardMark returns what a rule of a host that forwards does to the mark of a packet: it keeps
// some bits and sets others.
func ForwardMark(d Direction, number uint32) (keep, set Mark) {
	half, value := Mark(MostForwarding), Mark(number)
	if d == Egress {
		half, value = half<<halfBits, value<<halfBits
	}
	return ^(half | forwardedMark), value | forwardedMark
}
