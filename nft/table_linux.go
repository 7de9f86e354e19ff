package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

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

// A numbered rule of one direction.
type numbered struct {
	direction sg.Direction
	number    uint32
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

// chunkElements is how many elements a message may have, which cannot be longer
// than 64 KB.
const chunkElements = 500

// install puts a ruleset in force. The chains drop everything from the first
// transaction on, so a ruleset that takes several lets nothing through meanwhile.
func (t *Table) install(c *nftables.Conn, rs Ruleset) error {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable})
	chains := map[sg.Direction]*nftables.Chain{}
	for _, d := range directions {
		chains[d] = c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop))
		c.AddRule(&nftables.Rule{Table: table, Chain: chains[d], Exprs: establishedExprs(), UserData: comment(Established)})
	}
	addTrace(c)
	for _, s := range rs.Sets {
		if err := addSet(c, table, s); err != nil {
			return err
		}
		t.sets[s.Name] = true
	}
	for _, d := range directions {
		for chunk := range slices.Chunk(rs.Rules(d), t.chunk) {
			for _, r := range chunk {
				c.AddRule(&nftables.Rule{Table: table, Chain: chains[d], Exprs: ruleExprs(r, d), UserData: comment(r.ID)})
			}
			if len(chunk) == t.chunk {
				if err := c.Flush(); err != nil {
					return err
				}
			}
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	return t.verify(c, table, rs)
}

// addSet adds a set with its elements. The library would cut a long list short
// without an error.
func addSet(c *nftables.Conn, table *nftables.Table, s Set) error {
	set := s.kernel(table)
	if err := c.AddSet(set, nil); err != nil {
		return fmt.Errorf("add set %s: %w", s.Name, err)
	}
	for chunk := range slices.Chunk(s.Ranges, chunkElements/2) {
		if err := c.SetAddElements(set, elements(chunk)); err != nil {
			return fmt.Errorf("add to set %s: %w", s.Name, err)
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("add to set %s: %w", s.Name, err)
		}
	}
	return nil
}

// kernel is the set as the library describes it.
func (s Set) kernel(table *nftables.Table) *nftables.Set {
	set := &nftables.Set{Table: table, Name: s.Name, Interval: true, KeyType: nftables.TypeIPAddr}
	if s.Six {
		set.KeyType = nftables.TypeIP6Addr
	}
	return set
}

// elements are ranges as the kernel wants them: where each begins, and where the
// next address after it is.
func elements(ranges []Range) []nftables.SetElement {
	var list []nftables.SetElement
	for _, r := range ranges {
		list = append(list, nftables.SetElement{Key: r.First.AsSlice()})
		if end := r.Last.Next(); end.IsValid() {
			list = append(list, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return list
}

// verify reads back how much has arrived: neither the library nor an answer that
// did not fit can be trusted with that.
func (t *Table) verify(c *nftables.Conn, table *nftables.Table, rs Ruleset) error {
	for _, s := range rs.Sets {
		if err := verifySet(c, table, s); err != nil {
			return err
		}
	}
	handles, complete, err := t.news.rules()
	if err != nil {
		return err
	}
	for _, d := range directions {
		rules := append([]Rule{{Rule: sg.Rule{ID: Established}}}, rs.Rules(d)...)
		there := len(handles[d])
		if complete && there == len(rules) {
			t.note(d, rules, handles[d])
		} else if there, err = t.learn(c, d); err != nil {
			return err
		}
		if there != len(rules) {
			return fmt.Errorf("read back %s rules: %d of %d", d, there, len(rules))
		}
	}
	return nil
}

func verifySet(c *nftables.Conn, table *nftables.Table, s Set) error {
	there, err := c.GetSetElements(s.kernel(table))
	if err != nil {
		return fmt.Errorf("read back set %s: %w", s.Name, err)
	}
	if want := len(elements(s.Ranges)); len(there) != want {
		return fmt.Errorf("read back set %s: %d of %d elements", s.Name, len(there), want)
	}
	return nil
}

// note takes down the handles that rules were given. t.mu is held.
func (t *Table) note(d sg.Direction, rules []Rule, handles []uint64) {
	for i, r := range rules {
		t.judges[handles[i]] = Judge{Number: r.Number, ID: r.ID}
		t.handles[numbered{d, r.Number}] = append(t.handles[numbered{d, r.Number}], handles[i])
	}
}

// learnNew notes the handles of rules that were just added, from what the kernel
// told meanwhile, or else by listing them all. t.mu is held.
func (t *Table) learnNew(c *nftables.Conn, d sg.Direction, added []Rule) error {
	handles, complete, err := t.news.rules()
	if err != nil {
		return err
	}
	if complete && len(handles[d]) == len(added) {
		t.note(d, added, handles[d])
		return nil
	}
	_, err = t.learn(c, d)
	return err
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

// Update gives a set other members, in one transaction: no packet sees the set
// without those that stay. Connections that were let in are not touched. A set
// with more ranges than one transaction holds is refused.
func (t *Table) Update(s Set) error {
	return t.with(func(c *nftables.Conn) error {
		if !t.sets[s.Name] {
			return fmt.Errorf("update set %s: the table has none of that name", s.Name)
		}
		if len(s.Ranges) > t.chunk {
			return fmt.Errorf("update set %s: %d ranges are more than one transaction holds here (%d)", s.Name, len(s.Ranges), t.chunk)
		}
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable}
		set := s.kernel(table)
		c.FlushSet(set)
		for chunk := range slices.Chunk(s.Ranges, chunkElements/2) {
			if err := c.SetAddElements(set, elements(chunk)); err != nil {
				return fmt.Errorf("update set %s: %w", s.Name, err)
			}
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("update set %s: %w", s.Name, err)
		}
		return verifySet(c, table, s)
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

// learn notes the handles that the kernel gave to the rules of one direction, and
// returns how many rules there are. t.mu is held.
func (t *Table) learn(c *nftables.Conn, d sg.Direction) (rules int, err error) {
	list, err := c.GetRules(groupChain(d))
	if err != nil {
		return 0, fmt.Errorf("read back %s rules: %w", d, err)
	}
	for key := range t.handles {
		if key.direction == d {
			delete(t.handles, key)
		}
	}
	for _, r := range list {
		number := numberOf(r)
		t.judges[r.Handle] = Judge{Number: number, ID: idOf(r)}
		t.handles[numbered{d, number}] = append(t.handles[numbered{d, number}], r.Handle)
	}
	return len(list), nil
}

// judge is the rule with that handle. A rule that another goroutine has just
// added may judge a packet before learn has seen it; then the table is asked.
func (t *Table) judge(d sg.Direction, handle uint64) (Judge, error) {
	if j, known := t.judgeOf(handle); known {
		return j, nil
	}
	err := t.with(func(c *nftables.Conn) error {
		_, err := t.learn(c, d)
		return err
	})
	if err != nil {
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
	room, err := roomOf(c)
	if err != nil {
		return err
	}
	const perRule = 4096 // bytes: the message, its echo and its acknowledgement, generously
	t.chunk = max(room/perRule, 1)
	return c.SetDeadline(time.Now().Add(answerTime))
}

// roomOf is how many bytes both buffers of a socket hold: less than was asked
// for, where an ordinary user asked.
func roomOf(c *mnl.Conn) (bytes int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var send, receive int
	var errSend, errReceive error
	err = raw.Control(func(fd uintptr) {
		send, errSend = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
		receive, errReceive = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return min(send, receive), errors.Join(err, errSend, errReceive)
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
