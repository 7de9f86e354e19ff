// Package ruleset describes nftables rulesets as values: tables of chains and sets, and rules that
// consist of statements. They print as nft(8) lists them, and nft -f accepts what they print. What a
// rule or a chain means to the verdict trace is part of it.
//
// The package needs no kernel; package nft installs and changes rulesets.
package ruleset

import (
	"fmt"
	"slices"
	"strings"

	"lablab/packet"
)

// A Table is a table of the family inet, for IPv4 and IPv6.
type Table struct {
	Name   string
	Sets   []Set
	Chains []Chain
}

// A Hook is where packets enter a chain.
type Hook string

// The hooks. A chain without one is entered by [Jump] or [Goto] only.
const (
	Prerouting  Hook = "prerouting"
	Input       Hook = "input"
	Forward     Hook = "forward"
	Output      Hook = "output"
	Postrouting Hook = "postrouting"
)

// A Chain is a list of rules.
type Chain struct {
	Name string
	// Hook, Priority, Policy and NAT are those of a base chain. The policy is Accept or Drop.
	Hook     Hook
	Priority int // as in linux/netfilter_ipv4.h: 0 is that of filters
	Policy   Verdict
	NAT      bool // a chain of the type nat instead of filter
	Decides  Decides
	Rules    []Rule
}

// Decides is what the decisions of a chain mean. The zero value means nothing: the chain
// gives no verdicts, such as one that only marks packets.
type Decides struct {
	Direction packet.Direction
	Forwarded bool // whether it decides about what the host forwards, rather than about its own packets
	// Continues is whether an accepted packet goes on to other rules that decide about it.
	Continues bool
	// Default is what decides where no rule does.
	Default packet.By
}

// Decides reports whether any chain of the table decides about packets.
func (t Table) Decides() bool {
	return slices.ContainsFunc(t.Chains, func(c Chain) bool { return c.Decides != Decides{} })
}

// A Rule applies its statements in order, up to the first that does not match.
type Rule struct {
	Statements []Statement
	Comment    string
	// By is what decides if the rule does. A rule without it passes packets on: its verdict decides
	// nothing.
	By packet.By
	// AnyOrder is for rules that only accept. It does not matter in which order they and those next to
	// them are, so a change puts new ones behind those that stay.
	AnyOrder bool
	// Key identifies a rule of a chain whose statements may change. Then its successor with the same
	// key takes its place, and goes on with its counter.
	Key string
}

// Equal reports whether both are the same rule.
func (r Rule) Equal(o Rule) bool {
	return r.By == o.By && r.Comment == o.Comment && r.AnyOrder == o.AnyOrder && r.Key == o.Key && slices.Equal(r.Statements, o.Statements)
}

// Accepts reports whether the rule accepts what its other statements match.
func (r Rule) Accepts() bool {
	return len(r.Statements) > 0 && r.Statements[len(r.Statements)-1] == Accept
}

// String returns the rule as nft(8) lists it.
func (r Rule) String() string {
	var b strings.Builder
	for i, s := range r.Statements {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.String())
	}
	if r.Comment != "" {
		fmt.Fprintf(&b, " comment %q", r.Comment)
	}
	return b.String()
}

// String returns the table in the syntax of nft(8), as `nft list table` prints it.
func (t Table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", t.Name)
	for i, s := range t.Sets {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "\tset %s {\n", s.Name)
		for _, line := range s.Lines() {
			fmt.Fprintf(&b, "\t\t%s\n", line)
		}
		b.WriteString("\t}\n")
	}
	for i, c := range t.Chains {
		if i > 0 || len(t.Sets) > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "\tchain %s {\n", c.Name)
		if c.Hook != "" {
			fmt.Fprintf(&b, "\t\t%s\n", c.Base())
		}
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "\t\t%s\n", r)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// Base returns the line of a base chain that says where packets enter it.
func (c Chain) Base() string {
	kind, policy := "filter", Accept
	if c.NAT {
		kind = "nat"
	}
	if c.Policy != "" {
		policy = c.Policy
	}
	return fmt.Sprintf("type %s hook %s priority %s; policy %s;", kind, c.Hook, priority(c.Priority, c.Hook), policy)
}

// priorities have the names that nft(8) gives to priorities: NF_IP_PRI in
// linux/netfilter_ipv4.h.
var priorities = []struct {
	name  string
	value int
	only  Hook // the only hook at which the name is used, if there is one
}{
	{"raw", -300, ""}, {"mangle", -150, ""}, {"dstnat", -100, Prerouting}, {"filter", 0, ""}, {"security", 50, ""}, {"srcnat", 100, Postrouting},
}

// priority returns a priority as nft(8) prints it: within 10 of one that has a name, by that name.
func priority(p int, hook Hook) string {
	const near = 10
	for _, named := range priorities {
		switch d := p - named.value; {
		case named.only != "" && named.only != hook, d < -near, d > near:
		case d < 0:
			return fmt.Sprintf("%s - %d", named.name, -d)
		case d > 0:
			return fmt.Sprintf("%s + %d", named.name, d)
		default:
			return named.name
		}
	}
	return fmt.Sprint(p)
}
