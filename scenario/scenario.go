// Package scenario describes what to run in a lab: hosts, security groups, and experiments with
// their predictions. It reads scenario files and embeds those of the course. It is pure data.
package scenario

import (
	"iter"
	"net/netip"
	"time"

	"lablab/enforce"
	"lablab/sg"
)

// A Scenario is a lab and what happens in it.
type Scenario struct {
	File string // where it was read from; empty if not from a file
	// GroupFiles are the files that its groups were read from.
	GroupFiles []string
	Name       string
	Title      string
	// TimeScale is the factor for waits and timeouts in a time-lapse ([Scenario.Scaled]); 0 if this
	// is not a time-lapse.
	TimeScale float64
	// Lapse is the factor for a time-lapse on a kernel, whose clock does not jump; 0 for none.
	Lapse float64
	// Question is what the scenario asks the reader before it runs.
	Question string
	// Ask is the number of the experiment before which the reader is asked what will happen, and
	// AskAbout the stream; 0 and "" for the first that surprises.
	Ask      int
	AskAbout string
	Hosts    []Host // two to sixteen
	// Account holds the groups and what their rules refer to.
	Account *sg.Account
	// LeftOut lists what is not enforced of the files of its groups, with the reasons.
	LeftOut []sg.Finding
	// Models are those under which it is meant to run, the first by default; nil for any.
	Models []enforce.Choice
	// Interval is the time between two packets of a stream; 0 for the default.
	Interval time.Duration
	// Timeouts are how long conntrack keeps the entries of idle flows.
	Timeouts sg.Timeouts
	// Loose lets conntrack pick up TCP connections mid-stream, as Linux does and EC2 does not.
	Loose bool
	// Related selects the ICMP errors about tracked flows that pass without a rule: "pmtud", "all",
	// or none.
	Related string
	// Experiments run one after another. Streams continue from one to the next.
	Experiments []Experiment
}

// Policy returns the account as it is at the beginning, with the hosts as its interfaces.
func (sc *Scenario) Policy() *sg.Account {
	account := sc.Account.Clone()
	for _, h := range sc.Hosts {
		i := sg.Interface{ID: h.Name, Groups: h.Groups}
		for _, a := range h.Addresses() {
			i.Addresses = append(i.Addresses, a.Addr())
		}
		account.Attach(i)
	}
	return account
}

// Programs returns the programs that the scenario runs, in that order.
func (sc *Scenario) Programs() iter.Seq[Exec] {
	return func(yield func(Exec) bool) {
		for _, e := range sc.Experiments {
			for _, a := range e.Do {
				if program, runs := a.(Exec); runs && !yield(program) {
					return
				}
			}
		}
	}
}

// A Host is a machine with an address, and its security groups.
type Host struct {
	Name    string
	Address netip.Prefix // the address, with the prefix length of its network
	// Second is its address in a second network, if it is in one. Its groups guard both interfaces.
	Second netip.Prefix
	Groups []string // ids
	// AlwaysTracked reports whether all flows of the host are tracked, like those that come through
	// a load balancer or a NAT gateway (EC2 user guide, "Automatically tracked connections").
	AlwaysTracked bool
	// Model is how the host treats flows that are there when its rules change; nil for EC2's way.
	// Product is the product that was named for it, if one was.
	Model    enforce.Model
	Product  string
	ownModel bool // not the scenario's
	// conversion is a setting of model aws; "" for the default.
	conversion string
	// At is where its model is written.
	At Place
	// Routes are the hosts through which it reaches networks that it is not in.
	Routes map[netip.Prefix]string
	// Forwards reports whether it passes on what is not for itself.
	Forwards bool
	// Masquerade reports whether it replaces the source of what it forwards by its own address.
	Masquerade bool
	// Resets reports whether it answers segments of connections that it does not know with a reset, as a
	// NAT gateway does.
	Resets bool
	// Unchecked reports whether EC2's source/destination check is off.
	Unchecked bool
	// Timeouts are its own idle timeouts of flows, or nil.
	Timeouts *sg.Timeouts
	// Ruleset is its own ruleset, which it enforces instead of groups; or nil.
	Ruleset *Ruleset
}

// Enforcement returns the host's model.
func (h Host) Enforcement() enforce.Model {
	if h.Model == nil {
		return enforce.Default()
	}
	return h.Model
}

// A Place is a position in a scenario file, from 1; 0 if the thing was not read from one.
type Place struct{ Line, Column int }

// An Experiment performs actions, then lets packets pass, and predicts their outcome.
type Experiment struct {
	Place
	Title string
	Do    []Action
	// For is the number of packets per stream to wait for; with TCP, messages.
	For int
	// Within is the time limit; 0 for none.
	Within time.Duration
	Expect []Expectation
	// branches are what Expect is chosen from; nil if it is the same under every model.
	branches [][]branch
}

// An Outcome is what happens to a stream's packets in one experiment.
type Outcome string

// The outcomes that can be predicted.
const (
	Replied Outcome = "replied" // every packet was answered
	Refused Outcome = "refused" // every packet was seen to be dropped; with TCP, every attempt to connect
	Stalled Outcome = "stalled" // TCP: the connection is established, but nothing gets through it
	Reset   Outcome = "reset"   // the sender learnt that the port is closed (TCP RST, ICMP port unreachable)
)

// An Expectation predicts one thing about a stream or a host at the end of an experiment. Only that
// field is set, with those that name its subject.
type Expectation struct {
	Place
	// Stream predicts what happens to a stream's packets in the experiment. A field that is not set
	// predicts nothing.
	Stream   string
	Outcome  Outcome
	Received *Amount // number of packets answered
	Refused  *Amount // number of packets seen to be dropped
	First    int     // first packet to be answered, counted from the start of the stream
	By       string  // what decides about its packets at the destination: the id of a rule, "established" or "default-deny"
	Tracked  *bool   // whether conntrack tracks the flow at the destination

	// Host predicts a conntrack entry, or hits on a rule.
	Host       string
	Flow       string // stream whose entry it is
	Absent     bool   // no entry exists
	AdmittedBy string // id of the rule that admitted the flow
	ReleasedBy string // id of the outbound rule that let a forwarded flow leave
	Hit        string // id of a rule that accepts something during the experiment
	Never      string // id of a rule that has never accepted anything
}

// An Amount is a range for a number of packets or for their share.
type Amount struct {
	Min     float64 `json:"min"`
	Max     float64 `json:"max"` // 1e18 for no upper limit
	Percent bool    `json:"percent,omitempty"`
}

// noLimit is the Max of an amount without an upper limit.
const noLimit = 1e18
