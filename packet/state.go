package packet

// A State is what conntrack says of a packet (`ct state` of nft(8)).
type State string

// The states of conntrack.
const (
	New         State = "new"         // the first of its flow, or conntrack has no reply yet
	Established State = "established" // of a flow that has an entry, and has been answered
	Related     State = "related"     // an error about such a flow
	Invalid     State = "invalid"     // of no flow that conntrack can make out
	Untracked   State = "untracked"   // kept from conntrack
)
