package nft

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// Change puts another ruleset in force: no packet sees less than both rulesets let
// through, or more than either. Rules that both have keep their counters, and
// connections are not touched. Which fixed rules there are (Related, Guarded) stays as it
// was installed. If it fails, nothing is changed, or the members of some sets are those
// of both rulesets; the error wraps [ErrTooLarge] if the socket does not hold the
// transaction.
func (t *Table) Change(to Ruleset) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.change(to); err != nil {
		return say.Errorf("change ruleset: %w", err)
	}
	return nil
}

// InForce is the ruleset as it was last put in force.
func (t *Table) InForce() Ruleset {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inForce
}

// change does it. The kernel decides for each packet once which rules it sees, but
// at each look into a set anew which members (gencursor in
// net/netfilter/nf_tables_core.c and nft_lookup.c), so a packet may meet old
// rules and new members. So either rules or members change, never both: a set
// whose members change together with rules is another set for them. t.mu is held.
func (t *Table) change(to Ruleset) error {
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

// move gives sets other members. If it is several, a packet that looks into two of
// them might find itself in neither; so first each has the old and the new ones. t.mu is held.
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

// replace puts the rules of another ruleset in force, in one transaction. The sets
// that are new come before it, in one of their own: of those that come with the
// rules, packets find the members later than the rules (seen on Linux 6.18). t.mu is held.
func (t *Table) replace(to Ruleset) error {
	from := t.inForce
	if err := t.addSets(to.Sets); err != nil {
		return err
	}
	tx := newTransaction()
	added, removed := map[packet.Direction][]Rule{}, map[packet.Direction][]Rule{}
	for _, d := range directions {
		added[d] = without(to.Rules(d), from.Rules(d), d)
		removed[d] = without(from.Rules(d), to.Rules(d), d)
		if len(removed[d]) > 0 {
			if err := t.know(); err != nil {
				return err
			}
		}
		table, chain := groupChain(d)
		tx.add(func(c *nftables.Conn) {
			for _, r := range added[d] {
				c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: ruleExprs(r, d), UserData: comment(r.ID)})
			}
			for _, r := range removed[d] {
				tx.err = errors.Join(tx.err, c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: t.handles[r.identity(d)]}))
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
	to.Related, to.Guarded = from.Related, from.Guarded
	t.inForce = to
	for _, d := range directions {
		for _, r := range removed[d] {
			delete(t.handles, r.identity(d))
		}
	}
	return t.learnNew(added)
}

// renamed is the ruleset with the names that its sets have in the kernel.
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

// kernelName is the name of a set in the kernel.
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

// changedSets are the sets that both have, with members that only the second has.
func changedSets(from, to Ruleset) []Set {
	var changed []Set
	for _, s := range to.Sets {
		if was, there := from.set(s.Name); there && !slices.Equal(was.Ranges, s.Ranges) {
			changed = append(changed, s)
		}
	}
	return changed
}

// sameRules reports whether both have the same rules, whatever their order.
func sameRules(a, b Ruleset) bool {
	for _, d := range directions {
		if len(without(a.Rules(d), b.Rules(d), d)) > 0 || len(without(b.Rules(d), a.Rules(d), d)) > 0 {
			return false
		}
	}
	return true
}

// addUntracked fills the chains that keep packets from conntrack anew, and makes
// them where they are not there yet.
func addUntracked(c *nftables.Conn, untracked []sg.Untracked) {
	for _, d := range directions {
		chain := c.AddChain(rawChain(d))
		c.FlushChain(chain)
		for _, u := range untracked {
			c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: untrackedExprs(u, d)})
		}
	}
}

// An identity is what tells a rule from all others: a group's rule has one rule
// here, or one for each version of IP.
type identity struct {
	direction packet.Direction
	number    uint32
	set       string
}

func (r Rule) identity(d packet.Direction) identity {
	key := identity{direction: d, number: r.Number}
	if r.Set != nil {
		key.set = r.Set.Name
	}
	return key
}

// without are the rules that are not among the others.
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
