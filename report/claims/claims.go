// Package claims defines what the sentences of an explanation assert, as data: so that a test can
// check them against the timeline.
package claims

import "lablab/packet"

// A Claim is one thing that a sentence asserts. Which fields are set depends on Kind.
type Claim struct {
	Kind Kind
	// Event is the verdict that the claim is about, or the event that reports Entry or its end: the
	// first of a timeline is 1. If it is 0, the claim is about packets First to Last of Stream, or
	// the replies to them, when they left or entered Host.
	Event       uint64
	Stream      string
	First, Last int
	Reply       bool
	Host        string
	Direction   packet.Direction
	// What the host decided about them.
	State    packet.State
	Accepted bool
	By       packet.By
	// Entry is a conntrack entry of the host; Ending is why it is gone.
	Entry  Entry
	Ending Ending
	// Change is the event that opened or closed the way. If it is not about Rule, Member joined or
	// left Group, or the prefix list Group got or lost an entry.
	Change        uint64
	Group, Member string
	// Rule is the number of the rule that matched before or after Change, or that admitted Entry.
	Rule uint32
	// Other is another stream, or this one.
	Other string
	// Count packets had that outcome: of those sent in Experiment, or of all if that is 0.
	Experiment int
	Outcome    string
	Count      int
}

// An Entry identifies a conntrack entry: the kernel uses its ids again.
type Entry struct {
	Host     string
	ID       uint32
	Reported uint64 // the event that reported it first
	Creator  uint64 // the verdict on the packet that created it; 0 if unknown
}

// A Kind is what a claim is about.
type Kind string

// The kinds of claims.
const (
	Decided     Kind = "decided"       // the host decided this about each of the packets
	NoEntry     Kind = "no entry"      // the host had no entry for the flow when the first arrived
	Created     Kind = "created"       // the first packet created the entry, admitted by the rule
	Carried     Kind = "carried"       // the entry accepted the packets; if Rule is set, it admitted a packet of Other that created the entry
	Unreplied   Kind = "unreplied"     // the entry existed, and had seen no reply
	Tracked     Kind = "tracked"       // the entry existed when the first packet arrived
	EntryGone   Kind = "entry gone"    // the entry had ended before the first packet
	Appeared    Kind = "appeared"      // the entry was first reported by Event, admitted by the rule
	Ended       Kind = "ended"         // the entry's end was reported by Event
	Closed      Kind = "closed"        // no rule has matched since the change, and this rule did before
	Opened      Kind = "opened"        // the rule has matched since the change, and not before; a packet of the stream was dropped then
	Outlived    Kind = "outlived"      // the entry's rule has not matched since the change; it carries on
	Left        Kind = "left"          // Member left Group by the change
	ACLChanged  Kind = "acl changed"   // this was the last change of the host's network ACL
	NotLoose    Kind = "not loose"     // conntrack does not pick up connections mid-stream
	OpenToWorld Kind = "open to world" // the host's groups are open both ways for such packets
	AllReplies  Kind = "all replies"   // every reply was ESTABLISHED wherever it was decided about
	SameFlow    Kind = "same flow"     // conntrack takes the other stream for the same flow
	Became      Kind = "became"        // Count packets had Outcome
	Unseen      Kind = "unseen"        // no verdict on the packet that Event reports as sent was seen in time
	OtherFlow   Kind = "another flow"  // conntrack does not
	Forged      Kind = "forged"        // Change reports that the host Other forged the packet that created the entry
	HasModel    Kind = "has model"     // the host's enforcement model is Other
	Masqueraded Kind = "masqueraded"   // the host replaced the source of the entry's flow, or its destination, by Other
)

// An Ending is why a conntrack entry is gone.
type Ending string

// The endings.
const (
	Unknown   Ending = "unknown"
	Asked     Ending = "asked"     // someone asked lablab to delete it
	Changed   Ending = "changed"   // the host's rules have changed, and its model deletes such entries then
	Untracked Ending = "untracked" // its flow is no longer tracked
	Deleted   Ending = "deleted"   // another program deleted it: it had not timed out
	TimedOut  Ending = "timed out" // it carried no packet for too long
	Closing   Ending = "closing"   // its TCP connection was being closed
)
