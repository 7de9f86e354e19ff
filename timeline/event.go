// Package timeline is what happened in a lab: an append-only log of typed
// events. Everything that a person or a program is shown is made from it, so it
// can be recorded and shown again anywhere, without a kernel.
//
// It records; it does not judge. Whether a prediction held is for package report.
package timeline

import (
	"encoding/json"
	"net/netip"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// An Event is one thing that happened.
type Event struct {
	Seq uint64 // from 1, without gaps
	// At is the time since the log began, by the monotonic clock, when the event
	// was recorded.
	At time.Duration
	// Experiment is the number of the experiment that was going on; 0 before the first.
	Experiment int
	Body       Body
}

// A Body is what an event says: one of the types in this file.
type Body interface{ kind() string }

// A Host is a host of the lab.
type Host struct {
	Name    string       `json:"name"`
	Address netip.Prefix `json:"address"`
	Groups  []string     `json:"groups"`
}

// A Plan is an experiment as it is predicted, before anything runs.
type Plan struct {
	Number int      `json:"number"`
	Title  string   `json:"title"`
	Do     []string `json:"do"` // what is done first, in words
	// Doing is Do as it can be told in other languages.
	Doing   []*say.Kept `json:"doing,omitempty"`
	Packets int         `json:"packets"`        // of each stream, that are then let pass
	Line    int         `json:"line,omitempty"` // in the scenario's file
	// Within is how long it may take; 0 for as long as it needs.
	Within    time.Duration `json:"within_ns,omitempty"`
	Predicted []Prediction  `json:"predicted"`
}

// Said is what is done first. A record that says two things of it is taken by its words.
func (p Plan) Said() []say.Sentence {
	said := make([]say.Sentence, len(p.Do))
	for i, do := range p.Do {
		said[i] = say.As(do)
		if i < len(p.Doing) {
			said[i] = p.Doing[i].Telling(do)
		}
	}
	return said
}

// A Prediction is one thing that is expected of a stream, or of a host, at the end of
// an experiment. What is not set is not predicted.
type Prediction struct {
	// Line and Column are where it stands in the scenario's file; 0 if it was not read from one.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`

	Stream   string  `json:"stream,omitempty"`
	Outcome  string  `json:"outcome,omitempty"` // "replied", "refused", "stalled" or "reset"
	Received *Amount `json:"received,omitempty"`
	Refused  *Amount `json:"refused,omitempty"`
	First    int     `json:"first,omitempty"`   // the first packet that is answered
	By       string  `json:"by,omitempty"`      // what judges its packets where they arrive
	Tracked  *bool   `json:"tracked,omitempty"` // conntrack knows the flow where it arrives

	Host       string `json:"host,omitempty"`
	Flow       string `json:"flow,omitempty"` // the stream of whose conntrack entry the rest speaks
	Absent     bool   `json:"absent,omitempty"`
	AdmittedBy string `json:"admitted_by,omitempty"`
	Hit        string `json:"hit,omitempty"`   // a rule that accepts something during the experiment
	Never      string `json:"never,omitempty"` // a rule that has never accepted anything
}

// An Amount is a number of packets, or their share in percent, within a range.
type Amount struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"` // 1e18 where there is no limit
	Percent bool    `json:"percent,omitempty"`
}

// Begun comes first: what is about to be played, and where.
type Begun struct {
	Version  string        `json:"version"` // of lablab
	Scenario string        `json:"scenario"`
	Title    string        `json:"title"`
	File     string        `json:"file,omitempty"`     // that the scenario was read from
	Question string        `json:"question,omitempty"` // that it asks
	Kernel   string        `json:"kernel"`
	Rootless bool          `json:"rootless"`
	Interval time.Duration `json:"interval_ns"`
	// TimeScale is by what waits and timeouts are multiplied in a time-lapse; 0 if it is none.
	TimeScale float64   `json:"time_scale,omitempty"`
	Started   time.Time `json:"started"`
	Hosts     []Host    `json:"hosts"`
	Plan      []Plan    `json:"plan"`
}

// A Rule is a security-group rule with the number that it writes into the mark of
// each flow that it admits.
type Rule struct {
	Number    uint32           `json:"number"`
	Group     string           `json:"group"`
	Direction packet.Direction `json:"direction"`
	Hosts     []string         `json:"hosts"`
	sg.Rule
}

// MarshalJSON writes the rule, and as text what it says, for people and pages.
func (r RuleAuthorized) MarshalJSON() ([]byte, error) { return r.Rule.withText() }

// MarshalJSON writes the rule, and as text what it said.
func (r RuleRevoked) MarshalJSON() ([]byte, error) { return r.Rule.withText() }

func (r Rule) withText() ([]byte, error) {
	return json.Marshal(struct {
		Rule
		Text string `json:"text"`
	}{r, r.String()})
}

// RuleAuthorized says that a rule is in force from now on at its hosts.
type RuleAuthorized struct{ Rule }

// RuleRevoked says that a rule is no longer in force at its hosts.
type RuleRevoked struct{ Rule }

// GroupsChanged says that a host carries other groups from now on.
type GroupsChanged struct {
	Host   string   `json:"host"`
	Groups []string `json:"groups"`
}

// ACLChanged says that a host has a network ACL from now on, or none.
type ACLChanged struct {
	Host string  `json:"host"`
	ACL  *sg.ACL `json:"acl"` // nil for none
}

// Configured says how conntrack behaves on every host from now on.
type Configured struct {
	Timeouts sg.Timeouts `json:"timeouts"`
	Loose    bool        `json:"tcp_loose"`
}

// Cut says that a conntrack entry was deleted on purpose.
type Cut struct {
	Host string     `json:"host"`
	Flow packet.Key `json:"flow"`
	Why  string     `json:"why"` // CutUntracked or CutAsked
}

// Why an entry is deleted.
const (
	CutUntracked = "untracked" // flows like it are no longer tracked
	CutAsked     = "asked"     // somebody wanted it gone
)

// CanaryDropped says that a packet which nothing allows was sent, and that the
// kernel was seen to drop it.
type CanaryDropped struct {
	Host   string        `json:"host"`
	Packet packet.Header `json:"packet"`
}

// Ready says that the lab is built and proved, and traffic may begin.
type Ready struct{}

// ExperimentBegun says that what follows belongs to an experiment.
type ExperimentBegun struct {
	Number int `json:"number"`
}

// ExperimentEnded says that the fate of each of its packets is known.
type ExperimentEnded struct {
	Number int `json:"number"`
}

// StreamStarted says that a stream begins to send.
type StreamStarted struct {
	Stream   string          `json:"stream"`
	Protocol packet.Protocol `json:"protocol"`
	From     string          `json:"from"` // host
	To       string          `json:"to"`   // host
	Source   netip.Addr      `json:"source,omitzero"`
	Target   netip.Addr      `json:"target"`
	ICMPID   uint16          `json:"icmp_id,omitempty"`
	// SourcePort and Port are those of TCP and UDP.
	SourcePort uint16 `json:"source_port,omitempty"`
	Port       uint16 `json:"port,omitempty"`
}

// StreamStopped says that a stream was ended: on purpose, or because it broke.
type StreamStopped struct {
	Stream string `json:"stream"`
	Error  string `json:"error,omitempty"` // why it broke
	// Said is Error as it can be told in other languages.
	Said *say.Kept `json:"said,omitempty"`
}

// Why says why it broke.
func (s StreamStopped) Why() say.Sentence { return s.Said.Telling(s.Error) }

// Sent says that a packet was given to the kernel and left; of TCP, that a message
// was written to the connection, or that one is being made for it.
type Sent struct {
	Stream     string `json:"stream"`
	Seq        int    `json:"seq"`
	Connecting bool   `json:"connecting,omitempty"`
}

// Connected says that a TCP connection was made, for the message with that number.
type Connected struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
}

// Unreached says that the sender of a packet was told that nobody listens: by TCP's
// RST, or by ICMP.
type Unreached struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
	Error  string `json:"error"`
}

// Ran says that a program was run in a host.
type Ran struct {
	Host     string   `json:"host"`
	Command  []string `json:"command"`
	Exit     int      `json:"exit"`
	Expected int      `json:"expected"`
	Output   string   `json:"output,omitempty"` // its last lines
}

// TimedOut says that an experiment took longer than it may.
type TimedOut struct {
	Within time.Duration `json:"within_ns"`
}

// NotSent says that the kernel did not let a packet leave: its sender's own
// firewall dropped it, or something else is wrong.
type NotSent struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
	Local  bool   `json:"dropped_by_local_firewall"`
	Error  string `json:"error"`
}

// Replied says that the reply to a packet came back.
type Replied struct {
	Stream string        `json:"stream"`
	Seq    int           `json:"seq"`
	RTT    time.Duration `json:"rtt_ns"`
	Late   bool          `json:"late,omitempty"`
}

// Judged says what the rules of one host did with one packet.
type Judged struct {
	Host      string           `json:"host"`
	Direction packet.Direction `json:"direction"`
	Stream    string           `json:"stream,omitempty"` // empty for a packet of no stream
	Seq       int              `json:"seq,omitempty"`
	Last      int              `json:"last,omitempty"`  // if the packet carries several messages: the last
	Reply     bool             `json:"reply,omitempty"` // the packet answers the one with that Seq
	State     packet.State     `json:"state"`
	Accepted  bool             `json:"accepted"`
	packet.By
	Packet packet.Header `json:"packet"`
}

// EntryChanged is a conntrack event.
type EntryChanged struct {
	Host   string      `json:"host"`
	Change flow.Change `json:"change"`
	Entry  flow.Entry  `json:"entry"`
	// Kernel is when it happened by the kernel's clock; zero where that does not tell.
	Kernel time.Time `json:"kernel_time,omitzero"`
}

// Dumped is the whole conntrack table of a host.
type Dumped struct {
	Host    string       `json:"host"`
	Entries []flow.Entry `json:"entries"`
}

// Counted is the counters of the rules in force at a host.
type Counted struct {
	Host     string    `json:"host"`
	Counters []Counter `json:"counters"`
}

// A Counter is how often a rule has accepted.
type Counter struct {
	Direction packet.Direction `json:"direction"`
	Rule      string           `json:"rule"`
	Number    uint32           `json:"rule_number,omitempty"`
	Packets   uint64           `json:"packets"`
	Bytes     uint64           `json:"bytes"`
}

// Missed confesses that the kernel told more than was heard.
type Missed struct {
	Host string `json:"host"`
	What string `json:"what"` // MissedVerdicts or MissedEvents
	// Count is how many; of verdicts about how many, worked out from the messages that
	// the kernel counts when it drops them.
	Count int `json:"count"`
}

// What can be missed.
const (
	MissedVerdicts = "verdicts"
	MissedEvents   = "events"
)

// Interrupted says that somebody ended the run before its time.
type Interrupted struct {
	By string `json:"by"`
}

// Ended comes last.
type Ended struct {
	// Failed says what broke the run, if something did.
	Failed string `json:"failed,omitempty"`
}

func (Begun) kind() string           { return "begun" }
func (RuleAuthorized) kind() string  { return "rule_authorized" }
func (RuleRevoked) kind() string     { return "rule_revoked" }
func (GroupsChanged) kind() string   { return "groups_changed" }
func (ACLChanged) kind() string      { return "acl_changed" }
func (Configured) kind() string      { return "configured" }
func (Cut) kind() string             { return "cut" }
func (CanaryDropped) kind() string   { return "canary_dropped" }
func (Ready) kind() string           { return "ready" }
func (ExperimentBegun) kind() string { return "experiment_begun" }
func (ExperimentEnded) kind() string { return "experiment_ended" }
func (StreamStarted) kind() string   { return "stream_started" }
func (StreamStopped) kind() string   { return "stream_stopped" }
func (Connected) kind() string       { return "connected" }
func (Unreached) kind() string       { return "unreached" }
func (Ran) kind() string             { return "ran" }
func (TimedOut) kind() string        { return "timed_out" }
func (Sent) kind() string            { return "sent" }
func (NotSent) kind() string         { return "not_sent" }
func (Replied) kind() string         { return "replied" }
func (Judged) kind() string          { return "judged" }
func (EntryChanged) kind() string    { return "entry_changed" }
func (Dumped) kind() string          { return "dumped" }
func (Counted) kind() string         { return "counted" }
func (Missed) kind() string          { return "missed" }
func (Interrupted) kind() string     { return "interrupted" }
func (Ended) kind() string           { return "ended" }
