package nft

import (
	"errors"
	"fmt"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"lablab/lab/ns"
	"lablab/sg"
)

// A Table is the enforced ruleset of one host. Its methods may be called from
// any goroutine; each change is one transaction.
type Table struct {
	ns *ns.Namespace
	// One at a time: a listing during a change comes back short, without an error.
	mu sync.Mutex
	// By the handle that the kernel gave the rule. Revoked rules stay: the trace
	// may still have packets that they judged.
	judges map[uint64]Judge
	states map[uint64]string
	// The handles of the rules in force, as far as they were read. A rule of two
	// versions of IP has two.
	handles map[numbered][]uint64
	news    *news
	sets    map[string]bool // that the table has
	// How many rules one transaction may have, so that the socket holds it.
	chunk int
	// Sockets that have done their work and are still to be closed.
	retired []*nftables.Conn
}

// Install puts rs in force in a namespace that has no rules yet, in one
// transaction, together with the table that traces. It needs CAP_NET_ADMIN; an
// error wraps ENOENT where the kernel lacks an expression (nft_ct, nft_counter)
// and EOPNOTSUPP or EINVAL where it lacks nf_tables.
func Install(n *ns.Namespace, rs Ruleset) (*Table, error) {
	t := &Table{ns: n, judges: map[uint64]Judge{}, states: map[uint64]string{}, handles: map[numbered][]uint64{}, sets: map[string]bool{}}
	var err error
	if t.news, err = listenToNews(n); err != nil {
		return nil, fmt.Errorf("install ruleset: %w", err)
	}
	err = t.with(func(c *nftables.Conn) error {
		if err := t.install(c, rs); err != nil {
			return fmt.Errorf("install ruleset: %w", err)
		}
		return t.learnStates(c)
	})
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Close closes the table's sockets. The rules stay in force as long as the
// namespace lives.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closeRetired()
	_ = t.news.Close()
}

// Authorize adds rules to one direction, in one transaction, with the sets that
// they need and the table does not have yet.
func (t *Table) Authorize(d sg.Direction, rules ...Rule) error {
	if len(rules) == 0 {
		return nil
	}
	return t.with(func(c *nftables.Conn) error {
		table, chain := groupChain(d)
		// Sets do nothing by themselves; they come first, so that the rules come in
		// one transaction.
		for _, r := range rules {
			if r.Set == nil || t.sets[r.Set.Name] {
				continue
			}
			if err := errors.Join(addSet(c, table, *r.Set), c.Flush()); err != nil {
				return fmt.Errorf("authorize rule %s: %w", r.ID, err)
			}
			t.sets[r.Set.Name] = true
		}
		for _, r := range rules {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: ruleExprs(r, d), UserData: comment(r.ID)})
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("authorize rule %s: %w", rules[0].ID, err)
		}
		return t.learnNew(c, d, rules)
	})
}

// Revoke deletes the rule with that number from one direction. Connections that
// it let in are not touched.
func (t *Table) Revoke(d sg.Direction, number uint32) error {
	return t.with(func(c *nftables.Conn) error {
		key := numbered{d, number}
		if len(t.handles[key]) == 0 {
			if _, err := t.learn(c, d); err != nil {
				return err
			}
		}
		if len(t.handles[key]) == 0 {
			return fmt.Errorf("revoke rule %d: %w", number, ErrNoRule)
		}
		table, chain := groupChain(d)
		for _, handle := range t.handles[key] {
			if err := c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: handle}); err != nil {
				return fmt.Errorf("revoke rule %d: %w", number, err)
			}
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("revoke rule %d: %w", number, err)
		}
		delete(t.handles, key)
		return nil
	})
}

// ErrNoRule says that a table has no rule with the number asked for.
var ErrNoRule = errors.New("no such rule in force")

// A Counter is how often a rule has accepted, by the kernel's count.
type Counter struct {
	Direction sg.Direction
	Number    uint32 // 0 for the rule that accepts what is established
	ID        string
	Packets   uint64
	Bytes     uint64 // from the network header on
}

// Counters reads the counters of the rules now in force, in their order.
func (t *Table) Counters() ([]Counter, error) {
	var counters []Counter
	err := t.with(func(c *nftables.Conn) error {
		for _, d := range directions {
			rules, err := c.GetRules(groupChain(d))
			if err != nil {
				return fmt.Errorf("read %s counters: %w", d, err)
			}
			for _, r := range rules {
				counter := Counter{Direction: d, Number: numberOf(r), ID: idOf(r)}
				for _, e := range r.Exprs {
					if e, ok := e.(*expr.Counter); ok {
						counter.Packets, counter.Bytes = e.Packets, e.Bytes
					}
				}
				counters = append(counters, counter)
			}
		}
		return nil
	})
	return counters, err
}

var directions = [...]sg.Direction{sg.Ingress, sg.Egress}

func groupChain(d sg.Direction) (*nftables.Table, *nftables.Chain) {
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable}
	return table, &nftables.Chain{Table: table, Name: string(d)}
}

func baseChain(t *nftables.Table, d sg.Direction, priority nftables.ChainPriority, policy nftables.ChainPolicy) *nftables.Chain {
	hook := nftables.ChainHookInput
	if d == sg.Egress {
		hook = nftables.ChainHookOutput
	}
	return &nftables.Chain{Table: t, Name: string(d), Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &priority, Policy: &policy}
}
