// Package scenario says what is to be played in a lab: hosts, security groups,
// and experiments with their predictions. It is pure data.
package scenario

import (
	"fmt"
	"net/netip"

	"lablab/sg"
)

// A Scenario is a lab and what is done in it.
type Scenario struct {
	Name   string
	Title  string
	Hosts  []Host
	Groups []*sg.Group
	// Account is what the groups' rules refer to; nil where they name addresses only.
	Account *sg.Account
	// Experiments follow one another; a stream goes on into the next ones.
	Experiments []Experiment
}

// A Host is a machine with one address and the security groups it carries.
type Host struct {
	Name    string
	Address netip.Prefix // the address, with the length of its network's prefix
	Groups  []string     // by their keys
}

// An Experiment does something, then lets packets pass, and says beforehand
// what will become of them.
type Experiment struct {
	Title string
	Do    []Action
	// For is how many packets of each stream are let pass.
	For int
	// Expect predicts the outcome of each stream that is running.
	Expect []Expectation
}

// An Outcome is what becomes of the packets of a stream in one experiment.
type Outcome string

// The outcomes that can be predicted.
const (
	Replied Outcome = "replied" // every packet was answered
	Refused Outcome = "refused" // every packet was seen to be dropped
)

// An Expectation predicts the outcome of one stream.
type Expectation struct {
	Stream  string
	Outcome Outcome
}

// An Action is one of the types below.
type Action interface{ fmt.Stringer }

// Ping starts a stream of ICMP echo requests.
type Ping struct{ Stream, From, To string }

// Revoke removes the rule with that id from a group.
type Revoke struct{ Group, Rule string }

// Authorize adds a rule to a group.
type Authorize struct {
	Group     string
	Direction sg.Direction
	Rule      sg.Rule
}

func (a Ping) String() string {
	return fmt.Sprintf("start stream %s: ping %s from %s", a.Stream, a.To, a.From)
}
func (a Revoke) String() string {
	return fmt.Sprintf("revoke rule %s of group %s", a.Rule, a.Group)
}
func (a Authorize) String() string {
	return fmt.Sprintf("authorize rule %s in group %s: %s", a.Rule.ID, a.Group, a.Rule)
}
