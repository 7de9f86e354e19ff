// Package nft implements security groups as nftables rules. It compiles them (to a value that
// prints as nft(8) would print it), installs them in one transaction, changes them, reads their
// counters, and reads the verdict trace that says which rule decided about which packet.
//
// It neither runs nft(8) nor parses its output, and touches no tables but its own. Facts about the
// kernel come from include/uapi/linux/netfilter/nf_tables.h and net/netfilter/nf_tables_trace.c.
package nft

import (
	"fmt"
	"net/netip"
	"strings"

	"lablab/packet"
	"lablab/sg"
)

// The tables that lablab creates in a host. The group's table contains the groups' rules and
// nothing else; everything needed to watch it is in the other one.
const (
	GroupTable = "security_group"
	TraceTable = "trace"
)

// A Related says which ICMP errors about a known flow are accepted without a rule. According to
// AWS's documentation they were until January 2022, and are not since (EC2 user guide, "Network
// MTU").
type Related string

// The choices.
const (
	RelatedOff  Related = ""      // none
	RelatedPMTU Related = "pmtud" // "fragmentation needed" and "packet too big", which path MTU discovery needs
	RelatedAll  Related = "all"
)

// A Rule is one security-group rule in a ruleset.
type Rule struct {
	// Number becomes the mark of each packet that the rule accepts, and of the connection that the
	// packet begins. It is never 0, and never reused for another rule of the same lab.
	Number uint32
	sg.Rule
	// Set holds the peer's addresses if the peer is a prefix list or a group.
	Set *Set
}

// A Ruleset is what a host enforces. Ingress and egress are separate lists, and the order within
// each does not matter: every rule allows.
type Ruleset struct {
	Ingress, Egress []Rule
	Sets            []Set // the sets in which rules look up addresses
	// Untracked flows are those that EC2 does not track. The rules decide on each of their
	// packets, for as long as conntrack has their entry, even if they are no longer listed here.
	Untracked []sg.Untracked
	// WasUntracked is whether there may be entries of such flows although Untracked is empty.
	WasUntracked bool
	Related      Related
	// Guarded is whether loopback traffic is checked against the rules too. EC2's groups guard the
	// network interface, and a host's traffic to itself does not pass it.
	Guarded bool
	// Forwards is whether the rules decide about what passes through the host; otherwise all of that
	// is dropped. Rules have smaller numbers then ([packet.MostForwarding]), and every flow is tracked.
	Forwards bool
	// SourceDestCheck is whether a host that forwards drops what is neither from nor to itself before
	// its rules see it, as EC2 does unless that is switched off. A host that replaces addresses
	// (NAT) is an end of what passes through it.
	SourceDestCheck bool
}

// like returns the ruleset with what never changes of one that was installed.
func (rs Ruleset) like(installed Ruleset) Ruleset {
	rs.Related, rs.Guarded = installed.Related, installed.Guarded
	rs.Forwards, rs.SourceDestCheck = installed.Forwards, installed.SourceDestCheck
	return rs
}

// Rules returns the rules of one direction.
func (rs Ruleset) Rules(d packet.Direction) []Rule {
	if d == packet.Ingress {
		return rs.Ingress
	}
	return rs.Egress
}

// String returns the ruleset in the syntax of nft(8), as `nft list table` prints it except for the
// values of the counters. nft -f accepts it.
func (rs Ruleset) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", GroupTable)
	for _, s := range rs.Sets {
		b.WriteString(s.String() + "\n")
	}
	for i, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "\tchain %s {\n\t\ttype filter hook %s priority filter; policy drop;\n", d, hookName(d))
		for _, f := range rs.fixedRules(d) {
			fmt.Fprintf(&b, "\t\t%s\n", f)
		}
		for _, r := range rs.Rules(d) {
			fmt.Fprintf(&b, "\t\t%s\n", r.line(d))
		}
		b.WriteString("\t}\n")
	}
	b.WriteString(rs.forwardText())
	if rs.marksUntracked() {
		b.WriteString(rs.untrackedChains())
	}
	b.WriteString("}\n")
	return b.String()
}

const discoveryText = "ip6 hoplimit 255 icmpv6 type 133-137"

// A fixedRule comes before those of the groups, in both directions. It accepts if it has an id.
type fixedRule struct {
	kind     packet.Kind
	id, text string
}

func (f fixedRule) String() string {
	if f.id == "" {
		return f.text
	}
	return fmt.Sprintf("%s accept comment %q", f.text, f.id)
}

// fixedRules returns those rules, in order. Neighbour discovery (RFC 4861) is recognised by its hop
// limit, which no forwarded packet can have. AWS does not document it, but without it no host can
// be reached over IPv6. Multicast listener messages do not leave the link either.
func (rs Ruleset) fixedRules(d packet.Direction) []fixedRule {
	rules := []fixedRule{
		{packet.ByEstablished, packet.EstablishedID, rs.establishedText()},
		{packet.ByLink, packet.NeighbourDiscoveryID, discoveryText},
		{packet.ByLink, packet.MulticastListenerID, "ip6 hoplimit 1 icmpv6 type 130-132"},
		{packet.ByLink, packet.MulticastListenerID, "ip6 hoplimit 1 icmpv6 type mld2-listener-report"},
	}
	if !rs.Guarded {
		side := map[packet.Direction]string{packet.Ingress: "iif", packet.Egress: "oif"}[d]
		rules = append(rules, fixedRule{packet.ByLoopback, packet.LoopbackID, side + ` "lo"`})
	}
	if d == packet.Egress {
		for _, r := range services() {
			family := "ip"
			if r.First.Is6() {
				family = "ip6"
			}
			rules = append(rules, fixedRule{packet.ByService, packet.AmazonServiceID, fmt.Sprintf("%s daddr %s", family, r)})
		}
	}
	switch rs.Related {
	case RelatedPMTU:
		rules = append(rules,
			fixedRule{packet.ByRelated, packet.RelatedID, "ct state related icmp type destination-unreachable icmp code frag-needed counter"},
			fixedRule{packet.ByRelated, packet.RelatedID, "ct state related icmpv6 type packet-too-big counter"})
	case RelatedAll:
		rules = append(rules, fixedRule{packet.ByRelated, packet.RelatedID, "ct state related counter"})
	}
	return rules
}

// line returns the rule as nft(8) prints it.
func (r Rule) line(d packet.Direction) string {
	match := r.addressText(d)
	if protocol := protocolText(r.Rule); protocol != "" {
		match += " " + protocol
	}
	return fmt.Sprintf("%s counter meta mark set 0x%08x accept comment %q", match, r.Number, r.ID)
}

func hookName(d packet.Direction) string {
	if d == packet.Ingress {
		return "input"
	}
	return "output"
}

// services returns the addresses of Amazon's own services, in order.
func services() []Range {
	var addresses []netip.Prefix
	for _, a := range sg.Services() {
		addresses = append(addresses, netip.PrefixFrom(a, a.BitLen()))
	}
	return merge(addresses)
}
