package nft

import (
	"cmp"
	"slices"

	"lablab/nft/ruleset"
)

// A kernel says what the kernel knows of a rule in force: its handle, and what it has counted.
type kernel interface {
	handle(at site, place int) (uint64, error)
	counted(at site, place int) (ruleset.Counter, error)
}

// A difference is the transaction that turns the tables in force into others. First it adds tables and
// chains, then it changes rules, and then it deletes what no rule uses any more. Members of sets are
// not its business.
type difference struct {
	kernel
	add, rules, remove []command
	origins            map[site][]int
}

// differ returns that transaction.
func differ(from, to []ruleset.Table, k kernel) (step, error) {
	d := difference{kernel: k, origins: map[site][]int{}}
	after := make([]ruleset.Table, len(to))
	for i, t := range to {
		was, there := named(from, t.Name)
		if !there {
			d.add = append(d.add, addTable{t.Name})
		}
		chains, err := d.chains(was, t)
		if err != nil {
			return step{}, err
		}
		for _, s := range was.Sets {
			if _, stays := setNamed(t.Sets, s.Name); !stays {
				d.remove = append(d.remove, deleteSet{setSite{t.Name, s.Name}})
			}
		}
		after[i] = ruleset.Table{Name: t.Name, Sets: t.Sets, Chains: chains}
	}
	for _, t := range from {
		if _, stays := named(to, t.Name); !stays {
			d.remove = append(d.remove, deleteTable{t.Name})
		}
	}
	return step{commands: slices.Concat(d.add, d.rules, d.remove), after: after, origins: d.origins}, nil
}

// chains finds what changes in the chains of a table, and returns them with their rules in the
// kernel's order.
func (d *difference) chains(from, to ruleset.Table) ([]ruleset.Chain, error) {
	after := make([]ruleset.Chain, len(to.Chains))
	for i, c := range to.Chains {
		at := site{to.Name, c.Name}
		was, there := chainNamed(from.Chains, c.Name)
		if there && !sameBase(was, c) {
			d.add = append(d.add, flushChain{at}, deleteChain{at})
			was, there = ruleset.Chain{}, false
		}
		if !there {
			d.add = append(d.add, addChain{to.Name, withoutRules(c)})
		}
		after[i] = c
		var err error
		if after[i].Rules, err = d.changeRules(at, was.Rules, c.Rules, there); err != nil {
			return nil, err
		}
	}
	for _, c := range from.Chains {
		if _, stays := chainNamed(to.Chains, c.Name); !stays {
			d.rules = append(d.rules, flushChain{site{to.Name, c.Name}}) // it may jump to others that go
			d.remove = append(d.remove, deleteChain{site{to.Name, c.Name}})
		}
	}
	return after, nil
}

// changeRules finds what changes in the rules of a chain, and returns them in the kernel's order.
func (d *difference) changeRules(at site, from, to []ruleset.Rule, there bool) ([]ruleset.Rule, error) {
	if there && slices.EqualFunc(from, to, ruleset.Rule.Equal) {
		return from, nil
	}
	rules, origin := arrange(from, to)
	before, err := d.before(at, origin)
	if err != nil {
		return nil, err
	}
	stays := make([]bool, len(from))
	for i, was := range origin {
		switch {
		case was < 0:
			d.rules = append(d.rules, addRule{at, rules[i], before[i]})
			continue
		case !from[was].Equal(rules[i]):
			if err := d.replace(at, was, rules[i]); err != nil {
				return nil, err
			}
			origin[i] = -1
		}
		stays[was] = true
	}
	for was := range from {
		if stays[was] {
			continue
		}
		handle, err := d.handle(at, was)
		if err != nil {
			return nil, err
		}
		d.rules = append(d.rules, deleteRule{at, handle})
	}
	d.origins[at] = origin
	return rules, nil
}

// before returns the handle of the rule that stays behind each new one, or 0 if it comes last.
func (d *difference) before(at site, origin []int) ([]uint64, error) {
	before := make([]uint64, len(origin))
	stays := -1
	for i, was := range slices.Backward(origin) {
		if was >= 0 {
			stays = was
			continue
		}
		if stays < 0 {
			continue
		}
		var err error
		if before[i], err = d.handle(at, stays); err != nil {
			return nil, err
		}
	}
	return before, nil
}

// replace replaces a rule by another, which goes on with its counter.
func (d *difference) replace(at site, was int, r ruleset.Rule) error {
	handle, err := d.handle(at, was)
	if err != nil {
		return err
	}
	r.Statements = slices.Clone(r.Statements)
	for i, s := range r.Statements {
		if s != (ruleset.Counter{}) {
			continue
		}
		if r.Statements[i], err = d.counted(at, was); err != nil {
			return err
		}
	}
	d.rules = append(d.rules, replaceRule{at, r, handle})
	return nil
}

// sameBase reports whether packets enter both chains in the same way.
func sameBase(a, b ruleset.Chain) bool {
	return a.Hook == b.Hook && a.Priority == b.Priority && a.NAT == b.NAT && policy(a) == policy(b)
}

func policy(c ruleset.Chain) ruleset.Verdict { return cmp.Or(c.Policy, ruleset.Accept) }

func withoutRules(c ruleset.Chain) ruleset.Chain {
	c.Rules = nil
	return c
}

func named(tables []ruleset.Table, name string) (ruleset.Table, bool) {
	i := slices.IndexFunc(tables, func(t ruleset.Table) bool { return t.Name == name })
	if i < 0 {
		return ruleset.Table{Name: name}, false
	}
	return tables[i], true
}

func chainNamed(chains []ruleset.Chain, name string) (ruleset.Chain, bool) {
	i := slices.IndexFunc(chains, func(c ruleset.Chain) bool { return c.Name == name })
	if i < 0 {
		return ruleset.Chain{}, false
	}
	return chains[i], true
}

func setNamed(sets []ruleset.Set, name string) (ruleset.Set, bool) {
	i := slices.IndexFunc(sets, func(s ruleset.Set) bool { return s.Name == name })
	if i < 0 {
		return ruleset.Set{}, false
	}
	return sets[i], true
}
