// Package timeline is an append-only log of typed events: what happened in a lab. All output for
// people and programs is made from it, so a run can be recorded and replayed anywhere, without a
// kernel.
//
// It records and draws no conclusions. Package report decides whether a prediction held.
package timeline

import (
	"encoding/json"
	"net/netip"
	"time"

	"lablab/enforce"
	"lablab/flow"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// An Event is one thing that happened.
type Event struct {
	Seq uint64 // counts from 1, without gaps
	// At is when the event was recorded, as monotonic time since the log began.
	At time.Duration
	// Experiment is the number of the current experiment; 0 before the first.
	Experiment int
	Body       Body
}

// A Body is the content of an event: one of the types in this file.
type Body interface{ kind() string }

// A Host is a host of the lab.
type Host struct {
	Name    string       `json:"name"`
	Address netip.Prefix `json:"address"`
	Groups  []string     `json:"groups"`
	// Second is its address in a second network, if it is in one.
	Second netip.Prefix `json:"second_address,omitzero"`
	// Routes are the hosts through which it reaches other networks.
	Routes map[netip.Prefix]string `json:"routes,omitempty"`
	// Forwards is whether it passes on what is not for itself; Masquerade, whether as its own. EC2's
	// source/destination check may be off.
	Forwards   bool `json:"forwards,omitempty"`
	Masquerade bool `json:"masquerade,omitempty"`
	Unchecked  bool `json:"source_dest_check_off,omitempty"`
	// Model is its enforcement model as package enforce writes it; "" in older records, whose hosts have
	// EC2's. Product is the product that was named for it, if one was.
	Model   string `json:"model,omitempty"`
	Product string `json:"product,omitempty"`
	// Ruleset is the file of its own ruleset, which it has instead of groups; "" for none.
	Ruleset string `json:"ruleset,omitempty"`
}

// Enforcement returns the host's model, which [Check] has found to exist.
func (h Host) Enforcement() enforce.Model {
	if c, err := enforce.Parse(h.Model); err == nil {
		return c.Model
	}
	return enforce.Default()
}

// Addresses returns the host's addresses.
func (h Host) Addresses() []netip.Addr {
	list := []netip.Addr{h.Address.Addr()}
	if h.Second.IsValid() {
		list = append(list, h.Second.Addr())
	}
	return list
}

// A Target is what the hosts of a lab are made of.
type Target string

// The targets.
const (
	OnKernel Target = "kernel" // network namespaces: events are what the kernel reported
	InMemory Target = "sim"    // values: events show how a kernel is known to behave, and prove nothing
)

// A Plan is an experiment and its predictions, before anything runs.
type Plan struct {
	Number int      `json:"number"`
	Title  string   `json:"title"`
	Do     []string `json:"do"` // first actions, in words
	// Doing is Do in a form that can be translated.
	Doing   []*say.Kept `json:"doing,omitempty"`
	Packets int         `json:"packets"`        // packets to wait for, per stream
	Line    int         `json:"line,omitempty"` // line in the scenario file
	// Within is the time limit; 0 for none.
	Within    time.Duration `json:"within_ns,omitempty"`
	Predicted []Prediction  `json:"predicted"`
}

// ByHand reports whether nothing was planned for the experiment: the user does what they like.
func (p Plan) ByHand() bool {
	return p.Number > 0 && p.Packets == 0 && len(p.Do) == 0 && len(p.Predicted) == 0
}

// Said returns the first actions. If Do and Doing contradict each other, Do wins.
func (p Plan) Said() []say.Sentence {
	said := make([]say.Sentence, len(p.Do))
	for i, do := range p.Do {
		said[i] = say.As(do)
		if i < len(p.Doing) {
			said[i] = p.Doing[i].Matching(do)
		}
	}
	return said
}

// A Prediction is one thing expected of a stream or a host at the end of an experiment. A field
// that is not set predicts nothing.
type Prediction struct {
	// Line and Column are its place in the scenario file; 0 if it was not read from one.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`

	Stream   string  `json:"stream,omitempty"`
	Outcome  string  `json:"outcome,omitempty"` // "replied", "refused", "stalled" or "reset"
	Received *Amount `json:"received,omitempty"`
	Refused  *Amount `json:"refused,omitempty"`
	First    int     `json:"first,omitempty"`   // first packet to be answered
	By       string  `json:"by,omitempty"`      // what decides about its packets at the destination
	Tracked  *bool   `json:"tracked,omitempty"` // conntrack tracks the flow at the destination

	Host       string `json:"host,omitempty"`
	Flow       string `json:"flow,omitempty"` // stream whose conntrack entry the other fields describe
	Absent     bool   `json:"absent,omitempty"`
	AdmittedBy string `json:"admitted_by,omitempty"`
	ReleasedBy string `json:"released_by,omitempty"`
	Hit        string `json:"hit,omitempty"`   // rule that accepts something during the experiment
	Never      string `json:"never,omitempty"` // rule that has never accepted anything
}

// An Amount is a number of packets, or their percentage, as a range.
type Amount struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"` // 1e18 for no limit
	Percent bool    `json:"percent,omitempty"`
}

// Begun is the first event: which scenario runs, and where.
type Begun struct {
	Version  string `json:"version"` // lablab's version
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	File     string `json:"file,omitempty"`     // file that the scenario was read from
	Question string `json:"question,omitempty"` // question that the scenario asks
	Kernel   string `json:"kernel"`
	// Target is what the hosts are made of; empty in older records, which are the kernel's. Evidence
	// is what it can report.
	Target   Target        `json:"target,omitempty"`
	Evidence []Evidence    `json:"evidence,omitempty"`
	Rootless bool          `json:"rootless"`
	Interval time.Duration `json:"interval_ns"`
	// TimeScale is the factor for waits and timeouts in a time-lapse; 0 if this is not a
	// time-lapse.
	TimeScale float64   `json:"time_scale,omitempty"`
	Started   time.Time `json:"started"`
	// Timed reports that the timeline has the waits of the scenario, and the time that its programs
	// took. Older records have not.
	Timed bool   `json:"timed,omitempty"`
	Hosts []Host `json:"hosts"`
	// LeftOut lists what the lab does not enforce of the groups' files, with the reasons.
	LeftOut []string `json:"left_out,omitempty"`
	Plan    []Plan   `json:"plan"`
	// Ask is the experiment before which the reader is asked, and AskAbout the stream; 0 and "" for the
	// first that surprises.
	Ask      int    `json:"ask,omitempty"`
	AskAbout string `json:"ask_about,omitempty"`
}

// A Rule is a security-group rule and its number, which it writes into the mark of each flow that
// it admits.
type Rule struct {
	Number    uint32           `json:"number"`
	Group     string           `json:"group"`
	Direction packet.Direction `json:"direction"`
	Hosts     []string         `json:"hosts"`
	sg.Rule
}

// MarshalJSON writes the rule and, for people and pages, its text.
func (r RuleAuthorized) MarshalJSON() ([]byte, error) { return r.Rule.withText(r.Existing) }

// MarshalJSON writes the rule and its text.
func (r RuleRevoked) MarshalJSON() ([]byte, error) { return r.Rule.withText(false) }

func (r Rule) withText(existing bool) ([]byte, error) {
	return json.Marshal(struct {
		Rule
		Existing bool   `json:"existing,omitempty"`
		Text     string `json:"text"`
	}{r, existing, r.String()})
}

// RuleAuthorized reports that a rule takes effect at its hosts.
type RuleAuthorized struct {
	Rule
	// Existing is whether the rule was in force before, in a group that no host had until now.
	Existing bool
}

// RuleRevoked reports that a rule is no longer in force at its hosts.
type RuleRevoked struct{ Rule }

// GroupsChanged reports the new groups of a host.
type GroupsChanged struct {
	Host   string   `json:"host"`
	Groups []string `json:"groups"`
}

// ACLChanged reports that a network ACL was attached to a host, replaced or removed.
type ACLChanged struct {
	Host string  `json:"host"`
	ACL  *sg.ACL `json:"acl"` // nil if the host has none now
}

// PrefixListChanged reports that a prefix list has lost entries and got others.
type PrefixListChanged struct {
	sg.ModifyPrefixList
	Entries []netip.Prefix `json:"entries"` // all of them, after the change
}

// Now says what the list has after the change.
func (c PrefixListChanged) Now() say.Sentence {
	if len(c.Entries) == 0 {
		return say.F("prefix list %s is now empty", c.PrefixList)
	}
	entries := make([]string, len(c.Entries))
	for i, e := range c.Entries {
		entries[i] = e.String()
	}
	return say.F("prefix list %s is now %s", c.PrefixList, say.Names(", ", entries...))
}

// Configured reports how conntrack behaves on every host from now on.
type Configured struct {
	Timeouts sg.Timeouts `json:"timeouts"`
	Loose    bool        `json:"tcp_loose"`
}

// Cut reports that a conntrack entry was deleted on purpose, or no longer counts.
type Cut struct {
	Host string     `json:"host"`
	Flow packet.Key `json:"flow"`
	Why  CutReason  `json:"why"`
	// Packets is how many packets the entry had counted just before the rules changed, if Why is
	// CutChanged. Those that it has counted at its end above that met the new rules, but for its sake
	// were accepted.
	Packets uint64 `json:"packets,omitempty"`
	// ID is the entry's id, if Why is CutChanged: another of the flow may exist by now.
	ID uint32 `json:"id,omitempty"`
}

// A CutReason is why an entry was deleted.
type CutReason string

// Reasons for deleting an entry.
const (
	CutUntracked CutReason = "untracked" // flows like it are no longer tracked
	CutAsked     CutReason = "asked"     // someone asked for it
	CutChanged   CutReason = "changed"   // the host's rules have changed, and its model deletes such entries then
	CutUnmarked  CutReason = "unmarked"  // the entry is still there, but no longer admitted: the rules decide again
)

// CanaryDropped reports that a packet which no rule allows was sent, and that the kernel was seen
// to drop it.
type CanaryDropped struct {
	Host   string        `json:"host"`
	Packet packet.Header `json:"packet"`
}

// Ready reports that the lab is built and has passed its self-check. Traffic may begin.
type Ready struct{}

// ExperimentBegun reports that the events that follow belong to an experiment.
type ExperimentBegun struct {
	Number int `json:"number"`
}

// ExperimentEnded reports that the fate of every packet of the experiment is known.
type ExperimentEnded struct {
	Number int `json:"number"`
}

// StreamStarted reports that a stream starts to send.
type StreamStarted struct {
	Stream   string          `json:"stream"`
	Protocol packet.Protocol `json:"protocol"`
	From     string          `json:"from"` // host
	To       string          `json:"to"`   // host
	Source   netip.Addr      `json:"source,omitzero"`
	Target   netip.Addr      `json:"target"`
	ICMPID   uint16          `json:"icmp_id,omitempty"`
	// SourcePort and Port are TCP and UDP ports.
	SourcePort uint16 `json:"source_port,omitempty"`
	Port       uint16 `json:"port,omitempty"`
	// PublishedBy is the host that publishes the port, to which the sender sends; "" if that is To itself.
	PublishedBy string `json:"published_by,omitempty"`
}

// StreamStopped reports that a stream ended: it was stopped, or it failed.
type StreamStopped struct {
	Stream string `json:"stream"`
	Error  string `json:"error,omitempty"` // why it failed
	// Said is Error in a form that can be translated.
	Said *say.Kept `json:"said,omitempty"`
}

// Why returns why the stream failed.
func (s StreamStopped) Why() say.Sentence { return s.Said.Matching(s.Error) }

// Sent reports that a packet was given to the kernel and left. For TCP: that a message was written
// to the connection, or that a connection is being opened for it.
type Sent struct {
	Stream     string `json:"stream"`
	Seq        int    `json:"seq"`
	Connecting bool   `json:"connecting,omitempty"`
	// Pushed is whether the stream's target sent it, without being asked.
	Pushed bool `json:"pushed,omitempty"`
}

// Connected reports that a TCP connection was established for the message with that number.
type Connected struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
}

// Unreached reports that the sender of a packet learnt that the port is closed: from a TCP RST, or
// from an ICMP error.
type Unreached struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
	Error  string `json:"error"`
}

// Ran reports that a program was run in a host.
type Ran struct {
	Host     string   `json:"host"`
	Command  []string `json:"command"`
	Exit     int      `json:"exit"`
	Expected int      `json:"expected"`
	Output   string   `json:"output,omitempty"` // its last lines
	// Took is how long it ran; 0 in older records.
	Took time.Duration `json:"took_ns,omitempty"`
}

// Waited reports that the scenario asked for a wait, which is over.
type Waited struct {
	For time.Duration `json:"for_ns"`
}

// TimedOut reports that an experiment exceeded its time limit.
type TimedOut struct {
	Within time.Duration `json:"within_ns"`
}

// Halted reports that lablab did not run for a while, so that packets, changes and waits came later
// than planned: it was stopped, had no processor, or the machine was asleep.
type Halted struct {
	// For is how long it did not run, in total, within the time that ends with this event.
	For    time.Duration `json:"for_ns"`
	Within time.Duration `json:"within_ns"`
	// Asleep is the part of For in which the machine was asleep: then the kernel's timers stood
	// still too, and so did the clock of the timeline.
	Asleep time.Duration `json:"asleep_ns,omitempty"`
}

// Late is how much later the following events are by the clock of the timeline.
func (h Halted) Late() time.Duration { return h.For - h.Asleep }

// NotSent reports that the kernel did not let a packet leave: the sender's own firewall dropped it,
// or something else is wrong.
type NotSent struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"`
	Local  bool   `json:"dropped_by_local_firewall"`
	Error  string `json:"error"`
}

// Replied reports that the reply to a packet came back.
type Replied struct {
	Stream string        `json:"stream"`
	Seq    int           `json:"seq"`
	RTT    time.Duration `json:"rtt_ns"`
	Late   bool          `json:"late,omitempty"`
}

// Judged reports what the rules of one host did with one packet.
type Judged struct {
	Host      string           `json:"host"`
	Direction packet.Direction `json:"direction"`
	Forwarded bool             `json:"forwarded,omitempty"` // whether the host was to forward the packet
	Stream    string           `json:"stream,omitempty"`    // empty if the packet belongs to no stream
	Seq       int              `json:"seq,omitempty"`
	Last      int              `json:"last,omitempty"`  // last message, if the packet holds several
	Reply     bool             `json:"reply,omitempty"` // whether the packet answers the one with that Seq
	State     packet.State     `json:"state"`
	Accepted  bool             `json:"accepted"`
	packet.By
	Packet packet.Header `json:"packet"`
}

// EntryChanged reports a conntrack event.
type EntryChanged struct {
	Host   string      `json:"host"`
	Change flow.Change `json:"change"`
	Entry  flow.Entry  `json:"entry"`
	// Kernel is the time of the event by the kernel's clock; zero if the kernel sends no timestamp.
	Kernel time.Time `json:"kernel_time,omitzero"`
}

// Dumped reports the whole conntrack table of a host.
type Dumped struct {
	Host    string       `json:"host"`
	Entries []flow.Entry `json:"entries"`
}

// Counted reports the counters of the rules in force at a host.
type Counted struct {
	Host     string    `json:"host"`
	Counters []Counter `json:"counters"`
}

// A Counter is how often a rule has accepted a packet.
type Counter struct {
	Direction packet.Direction `json:"direction"`
	Rule      string           `json:"rule"`
	Number    uint32           `json:"rule_number,omitempty"`
	Packets   uint64           `json:"packets"`
	Bytes     uint64           `json:"bytes"`
}

// Missed reports that messages from the kernel were lost.
type Missed struct {
	Host string   `json:"host"`
	What Evidence `json:"what"`
	// Count is the number lost. For verdicts it is an estimate from the number of messages that the
	// kernel counts as dropped.
	Count int `json:"count"`
	// Total is the number lost on the host since the timeline began, Count included; 0 if unknown, as in
	// records of older versions.
	Total int `json:"total,omitempty"`
}

// Evidence is a kind of report on what happened in a lab.
type Evidence string

// Kinds of evidence. Verdicts and events can be missed.
const (
	MissedVerdicts Evidence = "verdicts" // on each packet at each host
	MissedEvents   Evidence = "events"   // about conntrack entries
	Counters       Evidence = "counters" // of the rules
)

// AllEvidence returns every kind.
func AllEvidence() []Evidence { return []Evidence{MissedVerdicts, MissedEvents, Counters} }

// Said returns the kind in words.
func (e Evidence) Said() say.Sentence {
	if e == MissedVerdicts {
		return say.F("verdicts")
	}
	return say.F("events")
}

// Forged reports that a host has sent a packet with an address of another host as its source.
type Forged struct {
	Host   string        `json:"host"`
	Packet packet.Header `json:"packet"`
}

// Interrupted reports that the run was stopped early, on request.
type Interrupted struct {
	By string `json:"by"`
}

// Ended is the last event.
type Ended struct {
	// Failed is the error that ended the run, if any.
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
func (Halted) kind() string          { return "halted" }
func (Waited) kind() string          { return "waited" }
func (Forged) kind() string          { return "forged" }
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

func (PrefixListChanged) kind() string { return "prefix_list_changed" }
