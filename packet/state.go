package packet

// A State is the state that conntrack assigns to a packet (`ct state` of nft(8)).
type State string

// The states of conntrack.
const (
	New         State = "new"         // first of its flow, or conntrack has seen no reply yet
	Established State = "established" // its flow has an entry and has been answered
	Related     State = "related"     // an error about such a flow
	Invalid     State = "invalid"     // conntrack cannot assign it to a flow
	Untracked   State = "untracked"   // EC2 would not track its flow, or it bypassed conntrack
)

// UntrackedMark is the mark of conntrack entries whose flows EC2 would not track: nothing is
// accepted because of them. Other entries have the number of the rule that admitted them, which is
// smaller.
const UntrackedMark uint32 = 1 << 31
