package nft

import (
	"fmt"
	"strings"

	"lablab/packet"
	"lablab/sg"
)

// EC2 decides whether it tracks a flow by the flow's first packet, which a later packet does not
// show. So conntrack sees every flow, and the entries of those that EC2 would not track get a mark
// of their own, before the rules see the packet. Established packets with that mark are not
// accepted, so the rules decide on each of them. The mark stays for the life of the entry,
// whatever rules come later.

// marksUntracked reports whether a host with this ruleset may have entries with that mark.
func (rs Ruleset) marksUntracked() bool { return rs.WasUntracked || len(rs.Untracked) > 0 }

// establishedText matches the packets of known flows.
func (rs Ruleset) establishedText() string {
	if rs.marksUntracked() {
		return "ct state established ct mark != " + untrackedMarkText + " counter"
	}
	return "ct state established counter"
}

// untrackedMarkText is [packet.UntrackedMark] as nft(8) writes it.
const untrackedMarkText = "0x80000000"

// untrackedChains returns the chains that set the mark, in the syntax of nft(8).
func (rs Ruleset) untrackedChains() string {
	var b strings.Builder
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		fmt.Fprintf(&b, "\n\tchain %s {\n\t\ttype filter hook %s priority filter - 10; policy accept;\n", untrackedChain(d), hookName(d))
		for _, u := range rs.Untracked {
			fmt.Fprintf(&b, "\t\t%s ct mark set %s\n", untrackedText(u, d), untrackedMarkText)
		}
		b.WriteString("\t}\n")
	}
	return b.String()
}

// untrackedChain returns the name of the chain that marks entries.
func untrackedChain(d packet.Direction) string { return "untracked_" + string(d) }

// untrackedText matches the packets of untracked flows that travel in direction d: by destination
// port if that is the direction of the flow's first packet, otherwise by source port.
func untrackedText(u sg.Untracked, d packet.Direction) string {
	way, side := "original", "dport"
	if u.Direction != d {
		way, side = "reply", "sport"
	}
	text := versionText(u.Six) + " ct direction " + way + " "
	switch {
	case allPorts(u):
		return text + "meta l4proto " + l4proto(u.Protocol)
	case u.From == u.To:
		return text + fmt.Sprintf("%s %s %d", u.Protocol, side, u.From)
	}
	return text + fmt.Sprintf("%s %s %d-%d", u.Protocol, side, u.From, u.To)
}

func allPorts(u sg.Untracked) bool { return u.From == 0 && u.To == 65535 }
