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
		for _, d := range directions {
			chain := c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter-5, nftables.ChainPolicyDrop))
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: discoveryExprs(), UserData: comment(packet.NeighbourDiscoveryID)})
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
	return t.read(func(c *nftables.Conn) error {
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: ACLTable}
		for _, d := range directions {
			rules, err := c.GetRules(table, &nftables.Chain{Table: table, Name: string(d)})
			if err != nil {
				return say.Errorf("read back network ACL: %w", err)
			}
			for _, r := range rules {
				t.acl[r.Handle] = idOf(r)
			}
		}
		return nil
	})
}

// ACL returns the network ACL, as `nft list table` prints it, and how often each of its rules has
// matched; both are empty if there is no ACL.
func (t *Table) ACL() (text string, counters []Counter, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return "", nil, nil
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: ACLTable}
	err = t.read(func(c *nftables.Conn) error {
		for _, d := range directions {
			list, err := countersOf(c, table, d)
			if err != nil {
				return err
			}
			counters = append(counters, list...)
		}
		return nil
	})
	return aclText(*t.before, counters), counters, err
}

// aclJudge returns the ACL rule with that handle.
func (t *Table) aclJudge(handle uint64) packet.By {
	t.mu.Lock()
	defer t.mu.Unlock()
	return packet.By{Kind: packet.ByACL, ID: t.acl[handle]}
}
