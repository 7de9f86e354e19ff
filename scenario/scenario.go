// Package scenario says what is to be played in a lab: hosts, security groups,
// and experiments with their predictions. It is pure data.
package scenario

import (
	"fmt"
	"net/netip"
	"strings"

	"lablab/sg"
)

// A Scenario is a lab and what is done in it.
type Scenario struct {
	Name  string
	Title string
	Hosts []Host
	// Account is the groups, and what their rules refer to.
	Account *sg.Account
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

// Revoke removes the rules with these ids from a group, all at once.
type Revoke struct {
	Group string
	Rules []string
}

// Authorize adds rules to a group, all at once.
type Authorize struct {
	Group     string
	Direction sg.Direction
	Rules     []sg.Rule
}

// SetGroups gives a host other groups than it carries.
type SetGroups struct {
	Host   string
	Groups []string
}

func (a Ping) String() string {
	return fmt.Sprintf("start stream %s: ping %s from %s", a.Stream, a.To, a.From)
}

func (a Revoke) String() string {
	return fmt.Sprintf("revoke %s %s of group %s", rules(len(a.Rules)), strings.Join(a.Rules, ", "), a.Group)
}

func (a Authorize) String() string {
	var texts []string
	for _, r := range a.Rules {
		texts = append(texts, fmt.Sprintf("%s (%s)", r.ID, r))
	}
	return fmt.Sprintf("authorize %s %s in group %s", rules(len(a.Rules)), strings.Join(texts, ", "), a.Group)
}

func (a SetGroups) String() string {
	if len(a.Groups) == 0 {
		return fmt.Sprintf("take all groups from %s", a.Host)
	}
	return fmt.Sprintf("change the groups of %s to %s", a.Host, strings.Join(a.Groups, ", "))
}

func rules(n int) string {
	if n == 1 {
		return "rule"
	}
	return "rules"
}
