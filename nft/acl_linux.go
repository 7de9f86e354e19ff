package nft

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// SetACL replaces the network ACL, or removes it (nil), in one transaction. It leaves conntrack
// alone.
func (t *Table) SetACL(acl *sg.ACL) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	tx := newTransaction()
	tx.add(func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: ACLTable})
		c.DelTable(table) // whether or not it exists
		if acl == nil {
			return
		}
		c.AddTable(table)
		for _, p := range t.inForce.aclPlaces() {
			d := p.direction()
			chain := baseChain(table, d, *nftables.ChainPriorityFilter-5, nftables.ChainPolicyDrop)
			first, id := discoveryExprs(), packet.NeighbourDiscoveryID
			if p.forwards() {
				priority, _ := p.aclPriority()
				chain = forwardChain(table, string(p), *nftables.ChainPriorityFilter+nftables.ChainPriority(priority), nftables.ChainPolicyDrop)
				first, id = unguardedExprs(p), unguarded
			}
			c.AddChain(chain)
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: first, UserData: comment(id)})
			for _, r := range acl.Rules(d) {
				verdict := expr.VerdictDrop
				if r.Allow {
					verdict = expr.VerdictAccept
				}
				exprs := append(matchAddress(asRule(r), d), matchProtocol(asRule(r).Rule)...)
				exprs = append(exprs, &expr.Counter{}, &expr.Verdict{Kind: verdict})
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs, UserData: comment(aclRule(r))})
			}
		}
	})
	if err := t.commit(tx); err != nil {
		return say.Errorf("set network ACL: %w", err)
	}
	t.before = acl
	if acl == nil {
		return nil
	}
	for _, p := range t.inForce.aclPlaces() {
		rules, err := t.list(ACLTable, string(p))
		if err != nil {
			return say.Errorf("read back network ACL: %w", err)
		}
		for _, r := range rules {
			t.acl[r.handle] = r.id
		}
	}
	return nil
}

// ACL returns the network ACL, as `nft list table` prints it, and how often each of its rules has
// matched; both are empty if there is no ACL.
func (t *Table) ACL() (text string, counters []Counter, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return "", nil, nil
	}
	counters, err = t.counters(ACLTable, t.inForce.aclPlaces())
	return aclText(*t.before, t.inForce.aclPlaces(), counters), counters, err
}

// aclJudge returns the ACL rule with that handle.
func (t *Table) aclJudge(handle uint64) packet.By {
	t.mu.Lock()
	defer t.mu.Unlock()
	return packet.By{Kind: packet.ByACL, ID: t.acl[handle]}
}
