// Package scenario says what is to be played in a lab: hosts, security groups,
// and experiments with their predictions. It reads the files that people write,
// and has those of the course built in. It is pure data.
package scenario

import (
	"net/netip"
	"time"

	"lablab/sg"
)

// A Scenario is a lab and what is done in it.
type Scenario struct {
	File  string // where it was read; empty for what was not
	Name  string
	Title string
	// TimeScale is by what waits and timeouts are multiplied in a time-lapse ([Scenario.Scaled]); 0 if it is none.
	TimeScale float64
	// Question is what the scenario asks of whoever plays it, before it is played.
	Question string
	Hosts    []Host // two to sixteen
	// Account is the groups, and what their rules refer to.
	Account *sg.Account
	// Interval is the time between two packets of a stream; 0 where any will do.
	Interval time.Duration
	// Timeouts are how long conntrack remembers idle flows.
	Timeouts sg.Timeouts
	// Loose lets conntrack take up TCP connections in the middle, as Linux does and
	// EC2 does not.
	Loose bool
	// Related says which ICMP errors about known flows pass without a rule: none
	// unless it is "pmtud" or "all".
	Related string
	// Experiments follow one another; a stream goes on into the next ones.
	Experiments []Experiment
}

// A Host is a machine with one address and the security groups it carries.
type Host struct {
	Name    string
	Address netip.Prefix // the address, with the length of its network's prefix
	Groups  []string     // by their ids
	// AlwaysTracked is whether all its flows are tracked, as those are that come
	// through a load balancer or a NAT gateway (EC2 user guide, "Automatically
	// tracked connections").
	AlwaysTracked bool
}

// A Place is where something stands in a scenario's file, from 1; 0 for what was
// not read from one.
type Place struct{ Line, Column int }

// An Experiment does something, then lets packets pass, and says beforehand
// what will become of them.
type Experiment struct {
	Place
	Title string
	Do    []Action
	// For is how many packets of each stream are let pass; with TCP, messages.
	For int
	// Within is how long the experiment may take; 0 for as long as it needs.
	Within time.Duration
	Expect []Expectation
}

// An Outcome is what becomes of the packets of a stream in one experiment.
type Outcome string

// The outcomes that can be predicted.
const (
	Replied Outcome = "replied" // every packet was answered
	Refused Outcome = "refused" // every packet was seen to be dropped; with TCP, every attempt to connect
	Stalled Outcome = "stalled" // TCP: the connection is there, and nothing gets through it
	Reset   Outcome = "reset"   // it was told that nobody listens (TCP's RST, ICMP's port unreachable)
)

// An Expectation predicts one thing of a stream or of a host at the end of an
// experiment: that member is set, and those of its subject that it is about.
type Expectation struct {
	Place
	// Stream predicts what becomes of a stream's packets in the experiment. Members
	// that are not set say nothing.
	Stream   string
	Outcome  Outcome
	Received *Amount // how many are answered
	Refused  *Amount // how many are seen to be dropped
	First    int     // the first packet of the stream, counted from its beginning, that is answered
	By       string  // the rule that judges its packets where they arrive: an id, "established" or "default-deny"
	Tracked  *bool   // whether conntrack knows the flow where it arrives

	// Host predicts a conntrack entry, or how often a rule is hit.
	Host       string
	Flow       string // the stream whose entry it is
	Absent     bool   // there is none
	AdmittedBy string // the id of the rule that let the flow in
	Hit        string // the id of a rule that accepts something during the experiment
	Never      string // the id of a rule that has never accepted anything
}

// An Amount is a number of packets, or their share, that lies in a range.
type Amount struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"` // +Inf is written as 1e18
	Percent bool    `json:"percent,omitempty"`
}

// NoLimit is the Max of an amount without one.
const NoLimit = 1e18
