package nft

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"lablab/packet"
	"lablab/say"
)

// Change enforces another ruleset: at every moment, packets that both rulesets allow are accepted,
// and packets that neither allows are dropped. Rules in both rulesets keep their counters, and
// connections are left alone. The fixed rules (Related, Guarded) stay as they were installed. If it
// fails, either nothing has changed or some sets have the members of both rulesets; the error wraps
// [ErrTooLarge] if the transaction does not fit into the socket buffer.
func (t *Table) Change(to Ruleset) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.change(to)
	if errors.Is(err, unix.ENOENT) { // all that a change names has been installed
		err = say.Errorf("another process has deleted rules of this lab: %w", err)
	}
	if err != nil {
		return say.Errorf("change ruleset: %w", err)
	}
	return nil
}

// InForce returns the ruleset that was enforced last.
func (t *Table) InForce() Ruleset {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inForce
}

// change implements Change. The kernel decides once per packet which generation of rules it sees,
// but at each set lookup anew which generation of members (gencursor in
// net/netfilter/nf_tables_core.c and nft_lookup.c), so a packet may meet old rules and new members.
// So either rules or members change, never both: a set whose members change together with rules
// becomes another set for them. t.mu is held.
func (t *Table) change(to Ruleset) error {
	to = to.like(t.inForce)
	if err := to.checkNumbers(); err != nil {
		return err
	}
	to = t.renamed(to)
	moved := changedSets(t.inForce, to)
	if len(moved) == 0 || sameRules(t.inForce, to) {
		if err := t.move(moved); err != nil {
			return err
		}
		return t.replace(to)
	}
	for _, s := range moved {
		t.versions[baseName(s.Name)]++
	}
	return t.replace(t.renamed(to))
}

// move changes the members of sets. If there are several, a packet looked up in two of them might
// match neither; so each set first gets both the old and the new members. t.mu is held.
func (t *Table) move(sets []Set) error {
	if len(sets) > 1 {
		tx := newTransaction()
		for _, s := range sets {
			was, _ := t.inForce.set(s.Name)
			tx.updateSet(Set{Name: s.Name, Six: s.Six, Ranges: union(was.Ranges, s.Ranges)})
		}
		if err := t.commit(tx); err != nil {
			return err
		}
	}
	tx := newTransaction()
	for _, s := range sets {
		tx.updateSet(s)
	}
	if err := t.commit(tx); err != nil {
		return err
	}
	return t.verifySets(sets)
}

// replace enforces the rules of another ruleset, in one transaction. New sets come first, in a
// transaction of their own: if they came with the rules, packets would see the rules before the
// members (seen on Linux 6.18). t.mu is held.
func (t *Table) replace(to Ruleset) error {
	from := t.inForce
	to.WasUntracked = from.marksUntracked()
	if err := t.addSets(to.Sets); err != nil {
		return err
	}
	tx := newTransaction()
	if to.marksUntracked() && !from.marksUntracked() {
		if err := t.replaceEstablished(tx, to); err != nil {
			return err
		}
	}
	added, removed := map[place][]Rule{}, map[place][]Rule{}
	for _, p := range to.places() {
		d := p.direction()
		added[p] = without(to.Rules(d), from.Rules(d), d)
		removed[p] = without(from.Rules(d), to.Rules(d), d)
		if len(removed[p]) > 0 {
			if err := t.know(); err != nil {
				return err
			}
		}
		table, chain := placeChain(p)
		tx.add(func(c *nftables.Conn) {
			for _, r := range added[p] {
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprsAt(r, p), UserData: comment(r.ID)})
			}
			for _, r := range removed[p] {
				tx.err = errors.Join(tx.err, c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: t.handles[ruleAt{p, r.identity(d)}]}))
			}
		})
	}
	if !slices.Equal(from.Untracked, to.Untracked) {
		tx.add(func(c *nftables.Conn) { addUntracked(c, to.Untracked) })
	}
	for _, s := range t.inForce.Sets {
		if _, stays := to.set(s.Name); !stays {
			tx.add(func(c *nftables.Conn) { c.DelSet(s.kernel()) })
		}
	}
	if err := t.commit(tx); err != nil {
		return err
	}
	t.inForce = to
	for p, rules := range removed {
		for _, r := range rules {
			delete(t.handles, ruleAt{p, r.identity(p.direction())})
		}
	}
	return t.learnNew(added)
}

// renamed returns the ruleset with the kernel's names for its sets.
func (t *Table) renamed(rs Ruleset) Ruleset {
	if len(t.versions) == 0 {
		return rs
	}
	rename := func(s Set) Set {
		s.Name = t.kernelName(s.Name)
		return s
	}
	sets := make([]Set, len(rs.Sets))
	for i, s := range rs.Sets {
		sets[i] = rename(s)
	}
	rs.Sets = sets
	for _, rules := range []*[]Rule{&rs.Ingress, &rs.Egress} {
		*rules = slices.Clone(*rules)
		for i, r := range *rules {
			if r.Set != nil {
				set := rename(*r.Set)
				(*rules)[i].Set = &set
			}
		}
	}
	return rs
}

// kernelName returns the kernel's name for a set.
func (t *Table) kernelName(name string) string {
	base := baseName(name)
	if n := t.versions[base]; n > 0 {
		return fmt.Sprintf("%s%s%d", base, versionMark, n)
	}
	return base
}

func baseName(name string) string {
	base, _, _ := strings.Cut(name, versionMark)
	return base
}

// changedSets returns the sets that both have but whose members differ, with the second's members.
func changedSets(from, to Ruleset) []Set {
	var changed []Set
	for _, s := range to.Sets {
		if was, there := from.set(s.Name); there && !slices.Equal(was.Ranges, s.Ranges) {
			changed = append(changed, s)
		}
	}
	return changed
}

// sameRules reports whether both have the same rules, in any order.
func sameRules(a, b Ruleset) bool {
	for _, d := range directions {
		if len(without(a.Rules(d), b.Rules(d), d)) > 0 || len(without(b.Rules(d), a.Rules(d), d)) > 0 {
			return false
		}
	}
	return true
}

// An identity tells a rule from all others: a group's rule becomes one rule here, or one per
// version of IP.
type identity struct {
	direction packet.Direction
	number    uint32
	set       string
}

// A ruleAt is a rule in one of the chains that it is in.
type ruleAt struct {
	place
	identity
}

func (r Rule) identity(d packet.Direction) identity {
	key := identity{direction: d, number: r.Number}
	if r.Set != nil {
		key.set = r.Set.Name
	}
	return key
}

// without returns the rules that are not among the others.
func without(rules, others []Rule, d packet.Direction) []Rule {
	there := make(map[identity]bool, len(others))
	for _, r := range others {
		there[r.identity(d)] = true
	}
	var rest []Rule
	for _, r := range rules {
		if !there[r.identity(d)] {
			rest = append(rest, r)
		}
	}
	return rest
}

func (rs Ruleset) set(name string) (Set, bool) {
	i := slices.IndexFunc(rs.Sets, func(s Set) bool { return s.Name == name })
	if i < 0 {
		return Set{}, false
	}
	return rs.Sets[i], true
}
