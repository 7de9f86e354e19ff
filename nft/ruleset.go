// Package nft is security groups as nftables rules: compile (to a value that
// prints as nft(8) would print it), install in one transaction, change, count,
// and the verdict trace that says which rule judged which packet.
//
// It refuses to run nft(8) or to read its prose, and to touch any table but its
// own two. Facts about the kernel come from include/uapi/linux/netfilter/nf_tables.h
// and net/netfilter/nf_tables_trace.c.
package nft

import (
	"fmt"
	"strings"

	"lablab/sg"
)

// The tables that lablab makes in a host. The group's table says what the
// groups say and nothing else; what it takes to watch it lives in the other.
const (
	GroupTable = "security_group"
	TraceTable = "trace"
)

// Names of the two verdicts that no security-group rule gives.
const (
	Established = "established"  // accepted because conntrack knows the flow
	DefaultDeny = "default-deny" // dropped because nothing accepted it
)

// A Rule is one security-group rule in a ruleset.
type Rule struct {
	// Number goes into the mark of each connection that the rule lets in. It is
	// never 0 and never used again for another rule of the same lab.
	Number uint32
	sg.Rule
	// Set holds the peer's addresses, where that is a prefix list or a group.
	Set *Set
}

// A Ruleset is what a host enforces. Ingress and egress are separate lists, and
// the order in each does not matter: every rule allows.
type Ruleset struct {
	Ingress, Egress []Rule
	Sets            []Set // that the rules look addresses up in
}

// Rules are the rules of one direction.
func (rs Ruleset) Rules(d sg.Direction) []Rule {
	if d == sg.Ingress {
		return rs.Ingress
	}
	return rs.Egress
}

// String is the ruleset in the syntax of nft(8), as `nft list table` prints it
// but for the figures of the counters. nft -f accepts it.
func (rs Ruleset) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", GroupTable)
	for _, s := range rs.Sets {
		b.WriteString(s.String() + "\n")
	}
	for i, d := range []sg.Direction{sg.Ingress, sg.Egress} {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "\tchain %s {\n\t\ttype filter hook %s priority filter; policy drop;\n", d, hookName(d))
		fmt.Fprintf(&b, "\t\tct state established counter accept comment %q\n", Established)
		for _, r := range rs.Rules(d) {
			fmt.Fprintf(&b, "\t\t%s\n", r.line(d))
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// line is the rule as nft(8) prints it.
func (r Rule) line(d sg.Direction) string {
	match := r.addressText(d)
	if protocol := protocolText(r.Rule); protocol != "" {
		match += " " + protocol
	}
	return fmt.Sprintf("%s counter ct mark set 0x%08x accept comment %q", match, r.Number, r.ID)
}

func hookName(d sg.Direction) string {
	if d == sg.Ingress {
		return "input"
	}
	return "output"
}
