package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	mnl "github.com/mdlayher/netlink"

	"lablab/lab/ns"
	"lablab/sg"
)

const (
	// A large transaction needs room for itself and for one acknowledgement a
	// rule, or the kernel commits it and says ENOBUFS.
	socketBuffer = 16 << 20 // bytes
	// The kernel answers in milliseconds; without a limit a lost answer would hang.
	answerTime = 10 * time.Second
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
	// Sockets that have done their work and are still to be closed.
	retired []*nftables.Conn
}

// Install puts rs in force in a namespace that has no rules yet, in one
// transaction, together with the table that traces. It needs CAP_NET_ADMIN; an
// error wraps ENOENT where the kernel lacks an expression (nft_ct, nft_counter)
// and EOPNOTSUPP or EINVAL where it lacks nf_tables.
func Install(n *ns.Namespace, rs Ruleset) (*Table, error) {
	t := &Table{ns: n, judges: map[uint64]Judge{}, states: map[uint64]string{}}
	err := t.with(func(c *nftables.Conn) error {
		addGroups(c, rs)
		addTrace(c)
		if err := c.Flush(); err != nil {
			return fmt.Errorf("install ruleset: %w", err)
		}
		for _, d := range directions {
			if err := t.learn(c, d); err != nil {
				return err
			}
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
}

func addGroups(c *nftables.Conn, rs Ruleset) {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable})
	for _, d := range directions {
		chain := c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop))
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: establishedExprs(), UserData: comment(Established)})
		for _, r := range rs.Rules(d) {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: ruleExprs(r, d), UserData: comment(r.ID)})
		}
	}
}

// Authorize adds a rule to one direction.
func (t *Table) Authorize(d sg.Direction, r Rule) error {
	return t.with(func(c *nftables.Conn) error {
		table, chain := groupChain(d)
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: ruleExprs(r, d), UserData: comment(r.ID)})
		if err := c.Flush(); err != nil {
			return fmt.Errorf("authorize rule %s: %w", r.ID, err)
		}
		return t.learn(c, d)
	})
}

// Revoke deletes the rule with that number from one direction. Connections that
// it let in are not touched.
func (t *Table) Revoke(d sg.Direction, number uint32) error {
	return t.with(func(c *nftables.Conn) error {
		table, chain := groupChain(d)
		rules, err := c.GetRules(table, chain)
		if err != nil {
			return fmt.Errorf("list %s rules: %w", d, err)
		}
		for _, r := range rules {
			if numberOf(r) != number {
				continue
			}
			err := c.DelRule(&nftables.Rule{Table: table, Chain: chain, Handle: r.Handle})
			if err := errors.Join(err, c.Flush()); err != nil {
				return fmt.Errorf("revoke rule %d: %w", number, err)
			}
			return nil
		}
		return fmt.Errorf("revoke rule %d: %w", number, ErrNoRule)
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

// learn notes the handles that the kernel gave to the rules of one direction. t.mu is held.
func (t *Table) learn(c *nftables.Conn, d sg.Direction) error {
	rules, err := c.GetRules(groupChain(d))
	if err != nil {
		return fmt.Errorf("read back %s rules: %w", d, err)
	}
	for _, r := range rules {
		t.judges[r.Handle] = Judge{Number: numberOf(r), ID: idOf(r)}
	}
	return nil
}

// judge is the rule with that handle. A rule that another goroutine has just
// added may judge a packet before learn has seen it; then the table is asked.
func (t *Table) judge(d sg.Direction, handle uint64) (Judge, error) {
	if j, known := t.judgeOf(handle); known {
		return j, nil
	}
	if err := t.with(func(c *nftables.Conn) error { return t.learn(c, d) }); err != nil {
		return Judge{}, err
	}
	j, known := t.judgeOf(handle)
	if !known {
		return Judge{}, fmt.Errorf("find rule with handle %d: %w", handle, ErrNoRule)
	}
	return j, nil
}

func (t *Table) judgeOf(handle uint64) (Judge, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	j, known := t.judges[handle]
	return j, known
}

// with calls do with a socket of its own: the library matches answers by their
// number, so one that lasts falls out of step. The socket is closed later: right
// after a deletion the kernel makes whoever closes one wait about 10 ms
// (nft_rcv_nl_event in net/netfilter/nf_tables_api.c), and a processor with it.
func (t *Table) with(do func(*nftables.Conn) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var c *nftables.Conn
	err := t.ns.Do(func() (err error) {
		c, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(t.guard))
		return err
	})
	if err != nil {
		return fmt.Errorf("open nftables socket: %w", err)
	}
	const many = 32
	if len(t.retired) >= many {
		t.closeRetired()
	}
	t.retired = append(t.retired, c)
	return do(c)
}

// closeRetired closes the sockets that have done their work. t.mu is held.
func (t *Table) closeRetired() {
	for _, c := range t.retired {
		_ = c.CloseLasting()
	}
	t.retired = nil
}

func (t *Table) guard(c *mnl.Conn) error {
	if err := errors.Join(t.ns.Guard(c), c.SetReadBuffer(socketBuffer), c.SetWriteBuffer(socketBuffer)); err != nil {
		return err
	}
	return c.SetDeadline(time.Now().Add(answerTime))
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

func comment(id string) []byte { return userdata.AppendString(nil, userdata.TypeComment, id) }

func idOf(r *nftables.Rule) string {
	id, _ := userdata.GetString(r.UserData, userdata.TypeComment)
	return id
}

// numberOf is the number that the rule writes to the ct mark: the value loaded
// just before it. (The library decodes no `ct mark set` itself.)
func numberOf(r *nftables.Rule) uint32 {
	for _, e := range r.Exprs {
		if e, ok := e.(*expr.Immediate); ok && len(e.Data) == 4 {
			return binary.NativeEndian.Uint32(e.Data)
		}
	}
	return 0
}
