package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

// Packets that a host forwards meet the rules of both directions, in chains of their own: the inbound
// rules first, as if the packet had just arrived. Both chains are at one hook, so a packet meets one
// after the other, with room for those of a network ACL.
const (
	arrival      = 0  // the priority of the first
	departure    = 2  // and of the second
	checkBefore  = -5 // the priority of an ACL before the groups
	checkBetween = 1  // and between those two
)

// checkChain drops what a host would forward although it is neither from nor to the host. In the
// chain called translated are the packets whose destination the host has just replaced; the
// interface saw the port that they had before.
const (
	checkChain = "source_dest_check"
	forward    = "forward_"
	translated = forward + "translated"
)

// Packets on an interface that no group guards, such as a bridge to containers, pass. EC2's groups
// guard network interfaces, which lablab calls eth0 and eth1.
const (
	unguarded = "unguarded"
	guarded   = "eth*"
)

var byCheck = packet.By{Kind: packet.ByCheck, ID: packet.SourceDestCheckID}

// forwardChains returns the chains for what the host forwards.
func (c *compiler) forwardChains() (chains []ruleset.Chain) {
	arriving := ruleset.Decides{Direction: packet.Ingress, Forwarded: true, Continues: true, Default: byDefault}
	check := ruleset.Chain{Name: checkChain, Decides: ruleset.Decides{Direction: packet.Ingress, Forwarded: true, Default: byCheck}}
	if !c.Forwards {
		check.Hook, check.Policy = ruleset.Forward, ruleset.Drop
		return []ruleset.Chain{check}
	}
	if c.SourceDestCheck {
		check.Rules = []ruleset.Rule{
			{Statements: []ruleset.Statement{ruleset.Original, ruleset.DNAT, ruleset.Return}},
			{Statements: []ruleset.Statement{ruleset.Reply, ruleset.SNAT, ruleset.Return}},
			{Statements: []ruleset.Statement{ruleset.Drop}, Comment: byCheck.ID, By: byCheck},
		}
		chains = append(chains, check)
	}
	chains = append(chains, ruleset.Chain{Name: translated, Decides: arriving, Rules: c.forwardRules(packet.Ingress, appendOriginal)})
	for _, d := range directions() {
		chain := ruleset.Chain{Name: forward + string(d), Hook: ruleset.Forward, Priority: arrival, Policy: ruleset.Drop, Decides: arriving}
		chain.Rules = []ruleset.Rule{passUnguarded(d)}
		if d == packet.Egress {
			chain.Priority, chain.Decides.Direction, chain.Decides.Continues = departure, d, false
		} else if c.SourceDestCheck {
			chain.Rules = append(chain.Rules, ruleset.Rule{Statements: []ruleset.Statement{ruleset.Jump(checkChain)}})
		}
		if d == packet.Ingress && c.Resets {
			chain.Rules = append(chain.Rules, reset())
		}
		chain.Rules = append(append(chain.Rules, established()), c.passing(d)...) // what passes through a host is always tracked
		if d == packet.Ingress {
			chain.Rules = append(chain.Rules, ruleset.Rule{Statements: []ruleset.Statement{ruleset.DNAT, ruleset.Goto(translated)}})
		}
		chain.Rules = append(chain.Rules, c.forwardRules(d, appendProtocol)...)
		chains = append(chains, chain)
	}
	return chains
}

// passUnguarded returns the rule that accepts what passes an interface that no group guards.
func passUnguarded(d packet.Direction) ruleset.Rule {
	return ruleset.Rule{Statements: []ruleset.Statement{ruleset.Interface{Direction: d, Name: guarded, Not: true}, ruleset.Accept}, Comment: unguarded}
}

// reset returns the rule that answers a segment in the middle of a connection that the host does not
// know, unless that is a reset itself.
func reset() ruleset.Rule {
	return ruleset.Rule{
		Statements: []ruleset.Statement{ruleset.InState(packet.Invalid), ruleset.TCPFlags{Mask: packet.ACK | packet.RST, Set: packet.ACK}, ruleset.Reset{}},
		Comment:    packet.UnknownConnectionID, By: packet.By{Kind: packet.ByGateway, ID: packet.UnknownConnectionID},
	}
}

// forwardRules returns the rules of the groups for forwarded packets.
func (c *compiler) forwardRules(d packet.Direction, appendProtocol func([]ruleset.Statement, *sg.Rule) []ruleset.Statement) (rules []ruleset.Rule) {
	for _, r := range c.rules[d] {
		keep, set := packet.ForwardMark(d, r.number)
		rules = append(rules, r.accept(appendProtocol(address(r, d), r.Rule), uint32(keep), uint32(set)))
	}
	return rules
}

// appendOriginal appends what matches the protocol of a rule and, instead of the packet's port, the one
// that the flow's first packet had when it arrived.
func appendOriginal(list []ruleset.Statement, r *sg.Rule) []ruleset.Statement {
	list = appendProtocol(list, r)
	last := len(list) - 1
	if p, has := list[last].(ruleset.Ports); has {
		return append(list[:last], ruleset.Protocol(p.Protocol), ruleset.OriginalPorts{Side: p.Side, First: p.First, Last: p.Last})
	}
	return list
}
