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
