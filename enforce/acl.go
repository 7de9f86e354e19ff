package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

// aclTable returns the table of a network ACL, which packets meet before the groups. Both must allow a
// packet, so their order makes no difference to it. A rule that allows does not decide, since the
// groups do after it.
func (c *compiler) aclTable() ruleset.Table {
	t := ruleset.Table{Name: ACLTable}
	for _, d := range directions() {
		chain := c.aclChain(d, hook(d), checkBefore)
		chain.Name = string(d)
		chain.Rules = append([]ruleset.Rule{{Statements: append(discovery(), ruleset.Accept), Comment: packet.NeighbourDiscoveryID}}, chain.Rules...)
		t.Chains = append(t.Chains, chain)
	}
	if !c.Forwards {
		return t
	}
	for _, d := range directions() {
		priority := checkBefore
		if d == packet.Egress {
			priority = checkBetween
		}
		chain := c.aclChain(d, ruleset.Forward, priority)
		chain.Name, chain.Decides.Forwarded = forward+string(d), true
		chain.Rules = append([]ruleset.Rule{passUnguarded(d)}, chain.Rules...)
		t.Chains = append(t.Chains, chain)
	}
	return t
}

// aclChain returns the rules of one direction, in a chain that has no name yet.
func (c *compiler) aclChain(d packet.Direction, at ruleset.Hook, priority int) ruleset.Chain {
	chain := ruleset.Chain{Hook: at, Priority: priority, Policy: ruleset.Drop, Decides: ruleset.Decides{
		Direction: d, Continues: true, Default: packet.By{Kind: packet.ByACL, ID: packet.ACLDefaultDenyID},
	}}
	for _, r := range c.ACL.Rules(d) {
		chain.Rules = append(chain.Rules, aclRule(r, d))
	}
	return chain
}

func aclRule(r sg.ACLRule, d packet.Direction) ruleset.Rule {
	match := rule{Rule: &sg.Rule{Protocol: r.Protocol, From: r.From, To: r.To, Peer: r.Peer}}
	compiled := ruleset.Rule{Statements: appendProtocol(address(match, d), match.Rule), Comment: r.ID()}
	if r.Allow {
		compiled.Statements = append(compiled.Statements, ruleset.Counter{}, ruleset.Accept)
		return compiled
	}
	compiled.Statements = append(compiled.Statements, ruleset.Counter{}, ruleset.Drop)
	compiled.By = packet.By{Kind: packet.ByACL, ID: r.ID()}
	return compiled
}
