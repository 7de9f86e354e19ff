package nft

import (
	"fmt"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// A place is a chain in which packets meet the rules of one direction. Those that the host forwards
// meet both, in chains of their own: the inbound rules first, as if the packet had just arrived.
type place string

const (
	ownIngress     place = "ingress"         // for the host itself
	ownEgress      place = "egress"          // from the host itself
	forwardIngress place = "forward_ingress" // to be forwarded
	// translated is for packets to be forwarded whose destination the host has just replaced. The
	// interface saw the port that they had before.
	translated    place = "forward_translated"
	forwardEgress place = "forward_egress" // forwarded
)

// checkChain drops what a host would forward although it is neither from nor to the host.
const checkChain = "source_dest_check"

// unguarded is the id of the rules for packets on an interface that no group guards, such as a
// bridge to containers. EC2's groups guard network interfaces, which lablab calls eth0 and eth1.
const (
	unguarded  = "unguarded"
	interfaces = "eth"
)

// places returns the chains in which rules are.
func (rs Ruleset) places() []place {
	if !rs.Forwards {
		return []place{ownIngress, ownEgress}
	}
	return []place{ownIngress, ownEgress, forwardIngress, translated, forwardEgress}
}

func (p place) direction() packet.Direction {
	if p == ownEgress || p == forwardEgress {
		return packet.Egress
	}
	return packet.Ingress
}

func (p place) forwards() bool { return p != ownIngress && p != ownEgress }

// known reports whether a chain of the group's table is one that decides.
func (p place) known() bool {
	return slices.Contains([]place{ownIngress, ownEgress, forwardIngress, translated, forwardEgress}, p)
}

// continues reports whether a packet that is accepted here meets other rules.
func (p place) continues() bool { return p == forwardIngress || p == translated }

// number returns the number of the rule in the mark that a place gives to packets.
func (p place) number(mark uint32) uint32 {
	switch m := packet.Mark(mark); p {
	case forwardEgress:
		return m.Released()
	default:
		return m.Admitted()
	}
}

// forwardText returns the chains for packets that the host forwards, in the syntax of nft(8).
func (rs Ruleset) forwardText() string {
	if !rs.Forwards {
		return fmt.Sprintf("\n\tchain %s {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n", checkChain)
	}
	var b strings.Builder
	if rs.SourceDestCheck {
		fmt.Fprintf(&b, "\n\tchain %s {\n", checkChain)
		for _, own := range []string{"original ct status dnat", "reply ct status snat"} {
			fmt.Fprintf(&b, "\t\tct direction %s return\n", own)
		}
		fmt.Fprintf(&b, "\t\tdrop comment %q\n\t}\n", packet.SourceDestCheckID)
	}
	for _, c := range []struct {
		place
		hook string
	}{
		{translated, ""},
		{forwardIngress, "\t\ttype filter hook forward priority filter; policy drop;\n"},
		{forwardEgress, "\t\ttype filter hook forward priority filter + 2; policy drop;\n"},
	} {
		fmt.Fprintf(&b, "\n\tchain %s {\n%s", c.place, c.hook)
		for _, f := range rs.fixedAt(c.place) {
			fmt.Fprintf(&b, "\t\t%s\n", f)
		}
		for _, r := range rs.Rules(c.direction()) {
			fmt.Fprintf(&b, "\t\t%s\n", r.forwardLine(c.place))
		}
		b.WriteString("\t}\n")
	}
	return b.String()
}

// fixedAt returns the rules that come before those of the groups, in order.
func (rs Ruleset) fixedAt(p place) []fixedRule {
	if !p.forwards() {
		return rs.fixedRules(p.direction())
	}
	if p == translated {
		return nil
	}
	rules := []fixedRule{p.unguarded()}
	if p == forwardIngress && rs.SourceDestCheck {
		rules = append(rules, fixedRule{text: "jump " + checkChain})
	}
	rs.Untracked, rs.WasUntracked = nil, false // what passes through a host is always tracked
	for _, f := range rs.fixedRules(p.direction()) {
		if f.kind != packet.ByLink && f.kind != packet.ByLoopback { // neither is ever forwarded
			rules = append(rules, f)
		}
	}
	if p == forwardIngress {
		rules = append(rules, fixedRule{text: fmt.Sprintf("ct status dnat goto %s", translated)})
	}
	return rules
}

// unguarded returns the rule that accepts what passes an interface that no group guards.
func (p place) unguarded() fixedRule {
	side := "iifname"
	if p.direction() == packet.Egress {
		side = "oifname"
	}
	return fixedRule{"", unguarded, fmt.Sprintf(`%s != "%s*"`, side, interfaces)}
}

// aclPlaces returns the chains in which the rules of a network ACL are, each time before those of
// the groups.
func (rs Ruleset) aclPlaces() []place {
	if !rs.Forwards {
		return []place{ownIngress, ownEgress}
	}
	return []place{ownIngress, ownEgress, forwardIngress, forwardEgress}
}

// aclPriority returns the priority of such a chain, counted from that of filters, and as nft(8)
// prints it.
func (p place) aclPriority() (int, string) {
	if p == forwardEgress { // between the groups' chains at that hook
		return 1, "filter + 1"
	}
	return -5, "filter - 5"
}

// forwardLine returns a rule for packets that the host forwards, as nft(8) prints it.
func (r Rule) forwardLine(p place) string {
	match := r.addressText(p.direction())
	if protocol := protocolText(r.Rule); protocol != "" {
		if p == translated {
			if port, has := strings.CutPrefix(protocol, r.Protocol.String()+" dport "); has {
				protocol = fmt.Sprintf("meta l4proto %s ct original proto-dst %s", l4proto(r.Protocol), port)
			}
		}
		match += " " + protocol
	}
	keep, set := packet.ForwardMark(p.direction(), r.Number)
	return fmt.Sprintf("%s counter meta mark set meta mark & 0x%08x | 0x%08x accept comment %q", match, keep|set, set, r.ID)
}

// checkNumbers returns an error if a mark cannot hold the number of a rule.
func (rs Ruleset) checkNumbers() error {
	if !rs.Forwards {
		return nil
	}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, r := range rs.Rules(d) {
			if r.Number > packet.MostForwarding {
				return say.Errorf("rule %s is number %d: where a host forwards, an entry can name numbers up to %d", r.ID, r.Number, packet.MostForwarding)
			}
		}
	}
	return nil
}
