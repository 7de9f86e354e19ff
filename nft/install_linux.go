package nft

import (
	"github.com/google/nftables"

	"lablab/ns"
	"lablab/say"
)

// Install enforces rs in a namespace that has no rules yet, and adds the table that traces. It
// needs CAP_NET_ADMIN. An error wraps ENOENT if the kernel lacks an expression (nft_ct,
// nft_counter), and EOPNOTSUPP or EINVAL if it lacks nf_tables.
func Install(n *ns.Namespace, rs Ruleset) (*Table, error) {
	t := newTable(n)
	t.mu.Lock()
	err := t.install(rs)
	t.mu.Unlock()
	if err != nil {
		t.Close()
		return nil, say.Errorf("install ruleset: %w", err)
	}
	return t, nil
}

// install creates the tables, whose chains drop everything from the first transaction on, and then
// fills them, which may take several transactions. t.mu is held.
func (t *Table) install(rs Ruleset) error {
	tx := newTransaction()
	tx.add(func(c *nftables.Conn) {
		table := c.AddTable(groupTable())
		for _, d := range directions {
			chain := c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop))
			for i, exprs := range rs.fixedExprs(d) {
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs, UserData: comment(rs.fixedRules(d)[i].id)})
			}
		}
		rs.addForward(c)
		addTrace(c)
	})
	if err := t.commit(tx); err != nil {
		return err
	}
	if err := t.disguise(); err != nil && !Lacks(err) { // not every kernel has zones
		return err
	}
	if err := t.learnStates(); err != nil {
		return err
	}
	t.inForce = Ruleset{WasUntracked: rs.marksUntracked()}.like(rs)
	for _, part := range t.parts(rs) {
		if err := t.change(part); err != nil {
			return err
		}
	}
	return nil
}

// parts returns growing subsets of the rules, up to all of them, such that what is new in each fits
// into one transaction. t.mu is held.
func (t *Table) parts(rs Ruleset) []Ruleset {
	const perRule = 1024 // bytes, a generous estimate
	step := max(t.room/perRule, 1)
	var parts []Ruleset
	for at := step; at < len(rs.Ingress)+len(rs.Egress); at += step {
		part := rs
		part.Untracked = nil
		part.Ingress = rs.Ingress[:min(at, len(rs.Ingress))]
		part.Egress = rs.Egress[:max(at-len(rs.Ingress), 0)]
		parts = append(parts, part)
	}
	return append(parts, rs)
}
