package nft

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"lablab/packet"
	"lablab/sg"
)

// The status of an entry whose addresses the host replaces (linux/netfilter/nf_conntrack_common.h).
const (
	statusSNAT = 1 << 4 // IPS_SRC_NAT
	statusDNAT = 1 << 5 // IPS_DST_NAT
)

// addForward creates the chains for packets that the host forwards, with their fixed rules.
func (rs Ruleset) addForward(c *nftables.Conn) {
	table := groupTable()
	if !rs.Forwards {
		c.AddChain(forwardChain(table, checkChain, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop))
		return
	}
	if rs.SourceDestCheck {
		chain := c.AddChain(&nftables.Chain{Table: table, Name: checkChain})
		for _, own := range [][]expr.Any{
			slices.Concat(ctEqual(expr.CtKeyDIRECTION, []byte{originalDirection}), matchStatus(statusDNAT)),
			slices.Concat(ctEqual(expr.CtKeyDIRECTION, []byte{replyDirection}), matchStatus(statusSNAT)),
		} {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(own, &expr.Verdict{Kind: expr.VerdictReturn})})
		}
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}, UserData: comment(packet.SourceDestCheckID)})
	}
	c.AddChain(&nftables.Chain{Table: table, Name: string(translated)})
	for i, p := range []place{forwardIngress, forwardEgress} {
		// Both are at one hook, so a packet meets one after the other, with room for an ACL between.
		chain := c.AddChain(forwardChain(table, string(p), *nftables.ChainPriorityFilter+nftables.ChainPriority(2*i), nftables.ChainPolicyDrop))
		for i, exprs := range rs.fixedExprsAt(p) {
			rule := &nftables.Rule{Table: table, Chain: chain, Exprs: exprs}
			if id := rs.fixedAt(p)[i].id; id != "" {
				rule.UserData = comment(id)
			}
			c.AddRule(rule)
		}
	}
}

// fixedExprsAt returns the expressions of the rules of fixedAt.
func (rs Ruleset) fixedExprsAt(p place) [][]expr.Any {
	if !p.forwards() {
		return rs.fixedExprs(p.direction())
	}
	if p == translated {
		return nil
	}
	rs.Untracked, rs.WasUntracked = nil, false
	own := rs.fixedExprs(p.direction())
	rules := [][]expr.Any{unguardedExprs(p)}
	if p == forwardIngress && rs.SourceDestCheck {
		rules = append(rules, []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: checkChain}})
	}
	for i, f := range rs.fixedRules(p.direction()) {
		if f.kind != packet.ByLink && f.kind != packet.ByLoopback {
			rules = append(rules, own[i])
		}
	}
	if p == forwardIngress {
		rules = append(rules, append(matchStatus(statusDNAT), &expr.Verdict{Kind: expr.VerdictGoto, Chain: string(translated)}))
	}
	return rules
}

func unguardedExprs(p place) []expr.Any {
	key := expr.MetaKeyIIFNAME
	if p.direction() == packet.Egress {
		key = expr.MetaKeyOIFNAME
	}
	return []expr.Any{
		&expr.Meta{Key: key, Register: register},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: []byte(interfaces)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// exprsAt returns the expressions of a security-group rule.
func exprsAt(r Rule, p place) []expr.Any {
	if !p.forwards() {
		return ruleExprs(r, p.direction())
	}
	protocol := matchProtocol(r.Rule)
	if p == translated {
		protocol = matchOriginal(r.Rule)
	}
	keep, set := packet.ForwardMark(p.direction(), r.Number)
	return append(slices.Concat(matchAddress(r, p.direction()), protocol),
		&expr.Counter{},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(uint32(keep)), Xor: binaryutil.NativeEndian.PutUint32(uint32(set))},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
		&expr.Verdict{Kind: expr.VerdictAccept},
	)
}

// matchOriginal matches the protocol and, instead of the packet's port, the one that the flow's first
// packet had when it arrived.
func matchOriginal(r sg.Rule) []expr.Any {
	exprs := matchProtocol(r)
	for i, e := range exprs {
		if load, is := e.(*expr.Payload); is && !r.Protocol.IsICMP() {
			exprs[i] = &expr.Ct{Key: expr.CtKeyPROTODST, Register: load.DestRegister, Direction: originalDirection}
		}
	}
	return exprs
}

func ctEqual(key expr.CtKey, value []byte) []expr.Any {
	return []expr.Any{&expr.Ct{Key: key, Register: register}, equal(value)}
}

// matchStatus returns `ct status X`.
func matchStatus(bit uint32) []expr.Any {
	exprs := matchState(bit)
	exprs[0] = &expr.Ct{Key: expr.CtKeySTATUS, Register: register}
	return exprs
}

func forwardChain(t *nftables.Table, name string, priority nftables.ChainPriority, policy nftables.ChainPolicy) *nftables.Chain {
	return &nftables.Chain{Table: t, Name: name, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: &priority, Policy: &policy}
}

// placeChain returns the chain of a place in the group's table.
func placeChain(p place) (*nftables.Table, *nftables.Chain) {
	table := groupTable()
	return table, &nftables.Chain{Table: table, Name: string(p)}
}
