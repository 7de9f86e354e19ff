package nft

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
	"lablab/say"
)

// Change puts other tables in force: at every moment, a chain accepts the packets that both its old and
// its new rules accept, and drops those that both drop. Rules that stay keep their counters, and
// connections are left alone. If it fails, either nothing has changed or some sets have the members
// of both; the error wraps [ErrTooLarge] if the transaction does not fit into the socket buffer.
func (f *Firewall) Change(to []ruleset.Table) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.change(to)
	if errors.Is(err, unix.ENOENT) { // all that a change names has been installed
		err = say.Errorf("another process has deleted rules of this lab: %w", err)
	}
	if err != nil {
		return say.Errorf("change ruleset: %w", err)
	}
	return nil
}

// Plan returns what [Firewall.Change] would do.
func (f *Firewall) Plan(to []ruleset.Table) (Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.plan(to)
	if err != nil {
		return Plan{}, say.Errorf("plan change of ruleset: %w", err)
	}
	return p, nil
}

// change implements Change. f.mu is held.
func (f *Firewall) change(to []ruleset.Table) error {
	p, err := f.plan(to)
	if err != nil {
		return err
	}
	f.versions = p.versions
	for _, s := range p.steps {
		if err := f.take(s); err != nil {
			return err
		}
	}
	return nil
}

// take makes one transaction. f.mu is held.
func (f *Firewall) take(s step) error {
	tx := newTransaction()
	for _, c := range s.commands {
		tx.command(c)
	}
	if err := f.commit(tx); err != nil {
		return err
	}
	f.inForce = s.after
	for _, t := range s.after {
		for _, c := range t.Chains {
			f.means[site{t.Name, c.Name}] = c.Decides
		}
	}
	return errors.Join(f.learnNew(s.origins), f.verifySets(s.filled))
}

// plan implements Plan. The kernel decides once per packet and chain which generation of rules it
// sees, but at each set lookup anew which generation of members (gencursor in
// net/netfilter/nf_tables_core.c and nft_lookup.c), so a packet may meet old rules and new members.
// So in a table either rules or members change, never both: a set whose members change together with
// rules becomes another set for them. f.mu is held.
func (f *Firewall) plan(to []ruleset.Table) (Plan, error) {
	p := Plan{versions: maps.Clone(f.versions)}
	to = kernelNames(to, p.versions)
	var moved []filling
	for _, t := range to {
		was, _ := named(f.inForce, t.Name)
		changed := changedSets(was, t)
		if len(changed) == 0 || sameRules(was, t) {
			moved = append(moved, changed...)
			continue
		}
		for _, c := range changed {
			p.versions[setSite{t.Name, baseName(c.set.Name)}]++
		}
	}
	to = kernelNames(to, p.versions)
	now := f.inForce
	now = p.move(now, moved)
	now = p.addSets(now, to, max(f.room/bytesPerRange, 1))
	last, err := differ(now, to, f)
	if err != nil {
		return Plan{}, err
	}
	if len(last.commands) > 0 {
		p.steps = append(p.steps, last)
	}
	return p, nil
}

// changedSets returns the sets that both have but whose members differ, with both.
func changedSets(from, to ruleset.Table) (changed []filling) {
	for _, s := range to.Sets {
		if was, there := setNamed(from.Sets, s.Name); there && !was.SameMembers(s) {
			changed = append(changed, filling{to.Name, was, s})
		}
	}
	return changed
}

// sameRules reports whether both have the same rules.
func sameRules(from, to ruleset.Table) bool {
	for _, c := range to.Chains {
		was, _ := chainNamed(from.Chains, c.Name)
		if len(was.Rules) != len(c.Rules) {
			return false
		}
		rules, origin := arrange(was.Rules, c.Rules)
		for i, place := range origin {
			if place < 0 || !was.Rules[place].Equal(rules[i]) {
				return false
			}
		}
	}
	return len(from.Chains) == len(to.Chains)
}

// versionMark precedes the number of a set that replaced another one of the same name.
const versionMark = ".v"

func baseName(name string) string {
	base, _, _ := strings.Cut(name, versionMark)
	return base
}

// kernelNames returns the tables with the kernel's names of their sets.
func kernelNames(tables []ruleset.Table, versions map[setSite]int) []ruleset.Table {
	if len(versions) == 0 {
		return tables
	}
	tables = slices.Clone(tables)
	for i, t := range tables {
		name := func(set string) string {
			base := baseName(set)
			if n := versions[setSite{t.Name, base}]; n > 0 {
				return fmt.Sprintf("%s%s%d", base, versionMark, n)
			}
			return set
		}
		tables[i].Sets = slices.Clone(t.Sets)
		for j, s := range t.Sets {
			tables[i].Sets[j].Name = name(s.Name)
		}
		tables[i].Chains = slices.Clone(t.Chains)
		for j, c := range t.Chains {
			tables[i].Chains[j].Rules = namedSets(c.Rules, name)
		}
	}
	return tables
}

// namedSets returns the rules with other names of the sets in which they look something up.
func namedSets(rules []ruleset.Rule, name func(string) string) []ruleset.Rule {
	rules = slices.Clone(rules)
	for i, r := range rules {
		for j, s := range r.Statements {
			was := s
			switch set := s.(type) {
			case ruleset.Address:
				set.Set = name(set.Set)
				s = set
			case ruleset.CtMark:
				set.Set = name(set.Set)
				s = set
			}
			if s != was {
				rules[i].Statements = slices.Clone(rules[i].Statements)
				rules[i].Statements[j] = s
			}
		}
	}
	return rules
}
