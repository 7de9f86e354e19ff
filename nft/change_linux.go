package nft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"

	"lablab/sg"
)

// Change puts another ruleset in force, in one transaction: no packet sees less
// than both rulesets let through, or more than either. Rules that both have keep
// their counters, and connections are not touched. Which ICMP errors pass
// (Related) stays as it was installed. The error wraps [ErrTooLarge] if the socket
// does not hold the transaction; then nothing is changed.
func (t *Table) Change(to Ruleset) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.change(to); err != nil {
		return fmt.Errorf("change ruleset: %w", err)
	}
	return nil
}

// InForce is the ruleset as it was last put in force.
func (t *Table) InForce() Ruleset {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inForce
}

// change does it. t.mu is held.
func (t *Table) change(to Ruleset) error {
	from := t.inForce
	tx := newTransaction()
	var fresh []Set
	for _, s := range to.Sets {
		was, there := from.set(s.Name)
		switch {
		case !there:
			tx.addSet(s)
		case !slices.Equal(was.Ranges, s.Ranges):
			tx.updateSet(s)
		default:
			continue
		}
		fresh = append(fresh, s)
	}
	added, removed := map[sg.Direction][]Rule{}, map[sg.Direction][]Rule{}
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
	for _, s := range from.Sets {
		if _, stays := to.set(s.Name); !stays {
			tx.add(func(c *nftables.Conn) { c.DelSet(s.kernel()) })
		}
	}
	if err := t.commit(tx); err != nil {
		return err
	}
	to.Related = from.Related
	t.inForce = to
	for _, d := range directions {
		for _, r := range removed[d] {
			delete(t.handles, r.identity(d))
		}
	}
	if err := t.learnNew(added); err != nil {
		return err
	}
	return t.verifySets(fresh)
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
	direction sg.Direction
	number    uint32
	set       string
}

func (r Rule) identity(d sg.Direction) identity {
	key := identity{direction: d, number: r.Number}
	if r.Set != nil {
		key.set = r.Set.Name
	}
	return key
}

// without are the rules that are not among the others.
func without(rules, others []Rule, d sg.Direction) []Rule {
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
