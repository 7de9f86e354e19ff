// Package report explains a timeline. A Report is built from recorded events alone; package render
// writes it.
package report

import (
	"net/netip"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

// A Report is a run, explained. Programs get its JSON; Schema changes when a field changes its
// meaning or is removed.
type Report struct {
	Schema   int    `json:"schema"`
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	// File is where the scenario was read from; Question is what it asks.
	File     string `json:"file,omitempty"`
	Question string `json:"question,omitempty"`
	// Held reports whether all predictions held, with proof.
	Held    bool   `json:"held"`
	Version string `json:"version"`
	Kernel  string `json:"kernel"`
	// Target is what the hosts were made of; empty in older records, which are the kernel's.
	Target     timeline.Target `json:"target,omitempty"`
	Rootless   bool            `json:"rootless"`
	IntervalMS float64         `json:"interval_ms"`
	// TimeScale is the factor for waits and timeouts in a time-lapse; 0 if this is not a
	// time-lapse.
	TimeScale   float64 `json:"time_scale,omitempty"`
	Interrupted bool    `json:"interrupted"`
	InterruptBy string  `json:"interrupted_by,omitempty"`
	// Failed is the error that ended the run, if any.
	Failed      string       `json:"failed,omitempty"`
	broke       error        // the error behind Failed, if it happened in this process
	Started     time.Time    `json:"started"`
	Hosts       []Host       `json:"hosts"`
	LeftOut     []string     `json:"left_out,omitempty"` // what the lab does not enforce of the groups' files, with the reasons
	Rules       []Rule       `json:"rules"`
	Canaries    []Canary     `json:"canaries"`
	Experiments []Experiment `json:"experiments"`
	Streams     []Stream     `json:"streams"`
	Flows       []Flow       `json:"flows"`
	Events      []FlowEvent  `json:"events"`
	Counters    []Counter    `json:"counters"`
	// Deleted is what changes of the rules did to entries; nil if they deleted none.
	Deleted *Deleted `json:"deleted,omitempty"`
	Missed  Missed   `json:"missed"`
	// Ask is what to ask the reader before the run is shown; nil if nothing surprises.
	Ask *ask `json:"ask,omitempty"`
	// Why explains what the evidence shows, in sentences.
	Why []Paragraph `json:"why"`
}

// Simulated reports whether the run took place in memory, without a kernel.
func (r *Report) Simulated() bool { return r.Target == timeline.InMemory }

// A Host is a host of the lab.
type Host struct {
	Name    string   `json:"name"`
	Address string   `json:"address"`
	Groups  []string `json:"groups"`
	// Second is its address in a second network.
	Second string `json:"second_address,omitempty"`
	// Forwards is whether it passes on what is not for itself; Masquerade, whether as its own.
	Forwards   bool `json:"forwards,omitempty"`
	Masquerade bool `json:"masquerade,omitempty"`
	// Ruleset is the file of its own ruleset, which it has instead of groups; "" for none.
	Ruleset string `json:"ruleset,omitempty"`
	// Model is its enforcement model, with its settings; empty in older records, whose hosts have EC2's.
	// Product is the product that was named for it, if one was.
	Model   string `json:"model,omitempty"`
	Product string `json:"product,omitempty"`
}

// A Rule is a security-group rule that was in force at some time.
type Rule struct {
	timeline.Rule
	Text         string `json:"text"`                 // its text: "icmp 10.255.0.0/16"
	AuthorizedIn int    `json:"authorized_in"`        // experiment; 0 if before the first
	RevokedIn    *int   `json:"revoked_in,omitempty"` // experiment; nil while in force
}

// A Canary is a packet that had to be dropped, and was.
type Canary struct {
	Host   string `json:"host"`
	Packet string `json:"packet"`
	key    packet.Key
}

// An Experiment is one step of the scenario and its results.
type Experiment struct {
	Number   int            `json:"number"`
	Title    string         `json:"title"`
	Do       []say.Sentence `json:"do"`
	Done     []ManualStep   `json:"done,omitempty"` // by hand, if nothing was planned
	Packets  int            `json:"packets"`        // planned number per stream
	Begun    bool           `json:"begun"`
	Complete bool           `json:"complete"`
	Held     bool           `json:"held"`
	// NotJudged is why nothing can be said about some of the predictions, if so.
	NotJudged say.Sentence   `json:"not_judged,omitzero"`
	Streams   []StreamResult `json:"streams"`
	// Predictions are all predictions, and what was observed.
	Predictions []Prediction `json:"predictions"`
	// Line is where the experiment is in the scenario file.
	Line int `json:"line,omitempty"`
	// Late reports that the experiment exceeded its time limit.
	Late bool `json:"late,omitempty"`
	// Ran are the programs that were run.
	Ran []timeline.Ran `json:"ran,omitempty"`

	byHand  bool // nothing was planned: the user did what they liked
	begunAt time.Duration
	ranAt   []time.Duration // when each of Ran ended
	excused []say.Sentence  // why nothing can be said about the exit code of each of Ran
}

// A Prediction is one thing that was predicted, and what was observed.
type Prediction struct {
	Subject   say.Sentence `json:"subject"` // "stream 1" or "host A"
	Stream    string       `json:"stream,omitempty"`
	Predicted say.Sentence `json:"predicted"` // "replied by established"
	Observed  say.Sentence `json:"observed"`  // "replied 10/10 by established"
	Held      bool         `json:"held"`
	// Grade is on what the observation rests; empty if the experiment was not run.
	Grade Grade `json:"grade,omitempty"`
	// NotJudged is why nothing can be said about it, if so: lablab was stopped or slow, and the
	// outcome depends on time.
	NotJudged say.Sentence `json:"not_judged,omitzero"`
	// Line and Column are its place in the scenario file.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// A StreamResult is what happened to a stream's packets in one experiment.
type StreamResult struct {
	Stream    string  `json:"stream"`
	Sent      int     `json:"sent"`
	Received  int     `json:"received"`
	Refused   int     `json:"refused"`
	Stalled   int     `json:"stalled"`
	Reset     int     `json:"reset"`
	Predicted Outcome `json:"predicted"` // empty if no outcome was predicted
	Observed  Outcome `json:"observed"`
	Held      bool    `json:"held"`
	// Grade is on what Observed rests; empty if nothing was sent.
	Grade Grade `json:"grade,omitempty"`
	// Because explains what was observed, from the evidence of the experiments up to this one.
	Because []because `json:"because,omitempty"`
}

// An Outcome is what happened to all packets of a stream in one experiment, or to a single packet.
type Outcome string

// In returns the outcome in a language.
func (o Outcome) In(l *say.Language) string { return o.words().In(l) }

// words returns the outcome as people read it. The constants are keys in files.
func (o Outcome) words() say.Sentence {
	switch o {
	case Replied:
		return say.F("answered")
	case Refused:
		return say.F("dropped")
	case Late:
		return say.F("answered late")
	case Lost:
		return say.F("lost")
	case Unsent:
		return say.F("not sent")
	case Waiting:
		return say.F("waiting")
	case Stalled:
		return say.F("stalled")
	case Reset:
		return say.F("rejected")
	case Mixed:
		return say.F("mixed")
	}
	return say.F("nothing sent")
}

// The outcomes. Refused needs a drop that was seen; without that proof the packet is Lost.
const (
	Replied Outcome = "replied"
	Refused Outcome = "refused"
	Late    Outcome = "late" // replied after a second or more
	Lost    Outcome = "lost"
	Unsent  Outcome = "unsent"  // it never left, and no rule was the cause
	Waiting Outcome = "waiting" // in flight when the run ended
	Stalled Outcome = "stalled" // TCP: sent into a connection that lets nothing through
	Reset   Outcome = "reset"   // its sender learnt that the port is closed
	Mixed   Outcome = "mixed"
	Nothing Outcome = "nothing" // no packet was sent
)

// A Stream is a stream over the whole run, as its sender and the rules saw it.
type Stream struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	From     string `json:"from"`
	To       string `json:"to"`
	Target   string `json:"target"`
	ICMPID   uint16 `json:"icmp_id"`
	// SourcePort and Port are TCP and UDP ports.
	SourcePort uint16 `json:"source_port,omitempty"`
	Port       uint16 `json:"port,omitempty"`
	// PublishedBy is the host that has the port, if that is not To; it publishes a port of To.
	PublishedBy string `json:"published_by,omitempty"`
	source      netip.Addr
	// Sent counts every packet that was tried, as ping(8) does; Received includes late replies.
	Sent           int            `json:"sent"`
	Received       int            `json:"received"`
	Late           int            `json:"late"`
	Refused        int            `json:"refused"`
	LocallyDropped int            `json:"dropped_by_local_firewall"` // included in Refused
	Lost           int            `json:"lost"`
	Stalled        int            `json:"stalled"`       // TCP: sent into a connection that let nothing through
	Reset          int            `json:"reset"`         // its sender learnt that the port is closed
	Belated        int            `json:"belated"`       // TCP: included in Stalled; answered in a later experiment
	Retransmitted  int            `json:"retransmitted"` // TCP: messages that were seen to be retransmitted
	Waiting        int            `json:"waiting"`       // in flight when the run ended
	LossPercent    float64        `json:"loss_percent"`
	FirstReply     *int           `json:"first_reply"`
	TimeMS         float64        `json:"time_ms"` // from the first packet to the last event about one
	RTT            *RTT           `json:"rtt_ms"`
	Verdicts       []VerdictRange `json:"verdicts"`
	Packets        []Packet       `json:"packets"`
}

// RTT has the figures that ping(8) prints, in milliseconds.
type RTT struct {
	Min    float64 `json:"min"`
	Avg    float64 `json:"avg"`
	Max    float64 `json:"max"`
	Mdev   float64 `json:"mdev"` // standard deviation
	Median float64 `json:"median"`
}

// A Packet is one packet of a stream.
type Packet struct {
	Seq        int      `json:"seq"`
	Experiment int      `json:"experiment"`
	AtMS       float64  `json:"at_ms"`
	Outcome    Outcome  `json:"outcome"`
	RTTMS      *float64 `json:"rtt_ms,omitempty"`
	Error      string   `json:"error,omitempty"`
	// Belated reports that a stalled message was answered in a later experiment.
	Belated bool `json:"belated,omitempty"`
}

// A VerdictRange is what one host did with consecutive packets of a stream, all treated alike.
type VerdictRange struct {
	Host      string           `json:"host"`
	Direction packet.Direction `json:"direction"`
	Packet    string           `json:"packet"` // "request" or "reply"
	First     int              `json:"first"`
	Last      int              `json:"last"`
	State     packet.State     `json:"state"`
	Verdict   string           `json:"verdict"` // "accept" or "drop"
	packet.By
}

// A Flow is a conntrack entry at the end of an experiment.
type Flow struct {
	orig, reply packet.Key
	Experiment  int `json:"experiment"`
	Entry
	Stream *string `json:"stream"`
	// RevokedIn is the experiment in which the admitting rule was revoked.
	RevokedIn *int `json:"revoked_in,omitempty"`
	// ReleaseRevokedIn is the experiment in which the outbound rule that let it leave was revoked.
	ReleaseRevokedIn *int `json:"releasing_rule_revoked_in,omitempty"`
	// GroupLeftIn is the experiment in which the host left the admitting rule's group.
	GroupLeftIn *int `json:"admitting_group_left_in,omitempty"`
	// EqualSince is the experiment since which an equal rule is in force.
	EqualSince *int `json:"equal_rule_since,omitempty"`
}

// A FlowEvent is a conntrack event.
type FlowEvent struct {
	AtMS        float64     `json:"at_ms"`
	Experiment  int         `json:"experiment"`
	Host        string      `json:"host"`
	Event       flow.Change `json:"event"`
	Flow        string      `json:"flow"`
	ConntrackID uint32      `json:"conntrack_id"`
	Stream      *string     `json:"stream"`
	Status      []string    `json:"status"`
	KernelTime  time.Time   `json:"kernel_time,omitzero"`
}

// A Counter is how often a rule accepted, by the kernel's own count.
type Counter struct {
	Host string `json:"host"`
	timeline.Counter
	// Revoked rules keep their last figure.
	Revoked  bool `json:"revoked"`
	NeverHit bool `json:"never_hit"`
}

// Missed is evidence from the kernel that was lost.
type Missed struct {
	Verdicts int `json:"verdicts"`
	Events   int `json:"events"`
}

// A Paragraph explains one subject. Moments has the moment of each sentence; nil if a sentence is
// about nothing in particular.
type Paragraph struct {
	Subject   say.Sentence   `json:"subject"`
	Stream    string         `json:"stream,omitempty"`
	Sentences []say.Sentence `json:"sentences"`
	Moments   []*Moment      `json:"moments"`
	// Lessons is whether it says what the run has shown, and not what happened to one subject.
	Lessons bool `json:"lessons,omitempty"`
	// Claims has what each sentence asserts about the timeline.
	Claims [][]claims.Claim `json:"-"`
}

// Stream returns the stream with that name, or nil.
func (r *Report) Stream(name string) *Stream {
	for i := range r.Streams {
		if r.Streams[i].Name == name {
			return &r.Streams[i]
		}
	}
	return nil
}

// Experiment returns the experiment with that number, or nil.
func (r *Report) Experiment(number int) *Experiment {
	if number < 1 || number > len(r.Experiments) {
		return nil
	}
	return &r.Experiments[number-1]
}

// ByHand reports whether nothing was planned: the user did what they liked.
func (x Experiment) ByHand() bool { return x.byHand }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
