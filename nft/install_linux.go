package nft

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/say"
)

// Install puts tables in force in a namespace that has no rules yet, and adds the table that traces. It
// needs CAP_NET_ADMIN. An error wraps ENOENT if the kernel lacks an expression (nft_ct,
// nft_counter), and EOPNOTSUPP or EINVAL if it lacks nf_tables.
func Install(n *ns.Namespace, tables []ruleset.Table) (*Firewall, error) {
	f := newFirewall(n)
	f.mu.Lock()
	err := f.install(tables)
	f.mu.Unlock()
	if err != nil {
		f.Close()
		return nil, say.Errorf("install ruleset: %w", err)
	}
	return f, nil
}

// install creates the chains, whose policies are in force from the first transaction on, and then
// fills them, which may take several transactions. f.mu is held.
func (f *Firewall) install(tables []ruleset.Table) error {
	empty, err := differ(nil, firstRules(tables, 0), f)
	if err != nil {
		return err
	}
	trace, err := differ(nil, []ruleset.Table{tracing()}, f)
	if err != nil {
		return err
	}
	empty.commands = append(empty.commands, trace.commands...)
	if err := f.take(empty); err != nil {
		return err
	}
	if err := f.disguise(); err != nil && !Lacks(err) { // not every kernel has zones
		return err
	}
	if err := f.learnStates(); err != nil {
		return err
	}
	for _, part := range f.parts(tables) {
		if err := f.change(part); err != nil {
			return err
		}
	}
	return nil
}

// parts returns the tables with more and more of their rules, up to all of them, such that what is new
// in each fits into one transaction. f.mu is held.
func (f *Firewall) parts(tables []ruleset.Table) (parts [][]ruleset.Table) {
	const perRule = 1024 // bytes, a generous estimate
	step := max(f.room/perRule, 1)
	all := 0
	for _, t := range tables {
		for _, c := range t.Chains {
			all += len(c.Rules)
		}
	}
	for at := step; at < all; at += step {
		parts = append(parts, firstRules(tables, at))
	}
	return append(parts, tables)
}

// firstRules returns the tables with that many of their rules, and without sets if that is 0. Chains
// to which others jump are filled before those. So while a chain whose policy is to drop is filled, it
// accepts no packet that it will drop.
func firstRules(tables []ruleset.Table, most int) []ruleset.Table {
	first := make([]ruleset.Table, len(tables))
	for i, t := range tables {
		first[i] = ruleset.Table{Name: t.Name, Chains: slices.Clone(t.Chains)}
		if most > 0 {
			first[i].Sets = t.Sets
		}
	}
	left := most
	for _, based := range []bool{false, true} {
		for _, t := range first {
			for j, c := range t.Chains {
				if (c.Hook != "") == based {
					t.Chains[j].Rules = c.Rules[:min(left, len(c.Rules))]
					left -= len(t.Chains[j].Rules)
				}
			}
		}
	}
	return first
}
