package nft

import (
	"fmt"
	"strings"

	"lablab/packet"
	"lablab/sg"
)

// ACLTable is the table of a network ACL, which packets meet before the groups. Both must allow a
// packet, so their order makes no difference to it.
const ACLTable = "network_acl"

// aclRule returns the id of an ACL rule.
func aclRule(r sg.ACLRule) string { return fmt.Sprintf("acl-%d", r.Number) }

// asRule converts an ACL rule to the compiler's type.
func asRule(r sg.ACLRule) Rule {
	return Rule{Rule: sg.Rule{ID: aclRule(r), Protocol: r.Protocol, From: r.From, To: r.To, Peer: r.Peer}}
}

// aclText returns the table of a network ACL with the values of its counters, as `nft list table`
// prints it. The counters are in the order of the rules.
func aclText(acl sg.ACL, places []place, counters []Counter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", ACLTable)
	for i, p := range places {
		if i > 0 {
			b.WriteByte('\n')
		}
		d, hook, first := p.direction(), hookName(p.direction()), fixedRule{"", packet.NeighbourDiscoveryID, discoveryText}
		if p.forwards() {
			hook, first = "forward", p.unguarded()
		}
		_, priority := p.aclPriority()
		fmt.Fprintf(&b, "\tchain %s {\n\t\ttype filter hook %s priority %s; policy drop;\n", p, hook, priority)
		fmt.Fprintf(&b, "\t\t%s\n", first)
		for _, r := range acl.Rules(d) {
			match := asRule(r).addressText(d)
			if protocol := protocolText(asRule(r).Rule); protocol != "" {
				match += " " + protocol
			}
			verdict := "drop"
			if r.Allow {
				verdict = "accept"
			}
			var c Counter
			if len(counters) > 0 {
				c, counters = counters[0], counters[1:]
			}
			fmt.Fprintf(&b, "\t\t%s counter packets %d bytes %d %s comment %q\n", match, c.Packets, c.Bytes, verdict, aclRule(r))
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}
