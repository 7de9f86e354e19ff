package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

// EC2 decides whether it tracks a flow by the flow's first packet, which a later packet does not
// show. So conntrack sees every flow, and the entries of those that EC2 would not track get a mark
// of their own, before the rules see the packet. Established packets with that mark are not
// accepted, so the rules decide on each of them. The mark stays for the life of the entry,
// whatever rules come later.

// marks reports whether the host may have entries with that mark.
func (c *compiler) marks() bool { return c.WasUntracked || len(c.untracked) > 0 }

// untrackedChains returns the chains that set the mark.
func (c *compiler) untrackedChains() (chains []ruleset.Chain) {
	const before = -10 // the chain that traces, which shows the state
	for _, d := range directions() {
		chain := ruleset.Chain{Name: "untracked_" + string(d), Hook: hook(d), Priority: before, Policy: ruleset.Accept}
		for _, u := range c.untracked {
			chain.Rules = append(chain.Rules, ruleset.Rule{Statements: append(untracked(u, d), ruleset.SetCtMark{Set: uint32(packet.UntrackedMark)})})
		}
		chains = append(chains, chain)
	}
	return chains
}

// untracked matches the packets of untracked flows that travel in direction d: by destination port if
// that is the direction of the flow's first packet, otherwise by source port.
func untracked(u sg.Untracked, d packet.Direction) []ruleset.Statement {
	way, side := ruleset.Original, ruleset.Destination
	if u.Direction != d {
		way, side = ruleset.Reply, ruleset.Source
	}
	statements := []ruleset.Statement{ruleset.Version{Six: u.Six}, way}
	if u.From == 0 && u.To == 65535 {
		return append(statements, ruleset.Protocol(u.Protocol))
	}
	return append(statements, ruleset.Ports{Protocol: u.Protocol, Side: side, First: uint16(u.From), Last: uint16(u.To)})
}
