package nft

import (
	"math"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	mnl "github.com/mdlayher/netlink"

	"lablab/ns"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A Table is the enforced ruleset of one host. Its methods may be called from any goroutine; each
// change is one transaction.
type Table struct {
	ns *ns.Namespace
	// Serializes access: a listing during a change is truncated, without an error.
	mu      sync.Mutex
	inForce Ruleset
	// Keyed by the handle that the kernel gave the rule. Revoked rules stay: the trace may still
	// contain packets that they decided about.
	judges map[uint64]packet.By
	states map[uint64]packet.State
	acl    map[uint64]string // ids of a network ACL's rules, including past ones
	before *sg.ACL           // the current network ACL, or nil
	// The handles of the rules in force, once they have been needed, and from then on the
	// notifications of new ones.
	handles       map[identity]uint64
	notifications *notifications
	// How often a set of that name has been replaced by another.
	versions map[string]int
	socket   *mnl.Conn // for changes; nil until the first one
	// How many bytes one transaction may have.
	room int
	// They close the retired sockets.
	retired []func() error
}

func newTable(n *ns.Namespace) *Table {
	return &Table{ns: n, judges: map[uint64]packet.By{}, states: map[uint64]packet.State{}, acl: map[uint64]string{}, handles: map[identity]uint64{}, versions: map[string]int{}, room: math.MaxInt}
}

// Close closes the table's sockets. The rules stay in force as long as the namespace exists.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closeRetired()
	if t.socket != nil {
		_ = t.socket.Close()
	}
	if t.notifications != nil {
		_ = t.notifications.Close()
	}
}

// ErrNoRule says that a table has no rule with the given handle.
var ErrNoRule = say.New("no such rule is in force")

// Counters reads the counters of the rules now in force, in the rules' order.
func (t *Table) Counters() ([]Counter, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var counters []Counter
	err := t.read(func(c *nftables.Conn) error {
		for _, d := range directions {
			list, err := countersOf(c, groupTable(), d)
			if err != nil {
				return err
			}
			counters = append(counters, list...)
		}
		return nil
	})
	return counters, err
}

// countersOf returns the counters of a table's rules of one direction, in the rules' order.
func countersOf(c *nftables.Conn, table *nftables.Table, d packet.Direction) ([]Counter, error) {
	rules, err := c.GetRules(table, &nftables.Chain{Table: table, Name: string(d)})
	if err != nil {
		return nil, say.Errorf("read %s counters: %w", d, err)
	}
	var counters []Counter
	for _, r := range rules {
		counter := Counter{Direction: d, Number: numberOf(r), ID: idOf(r)}
		for _, e := range r.Exprs {
			if e, ok := e.(*expr.Counter); ok {
				counter.Packets, counter.Bytes = e.Packets, e.Bytes
				counters = append(counters, counter)
			}
		}
	}
	return counters, nil
}

var directions = [...]packet.Direction{packet.Ingress, packet.Egress}

func groupTable() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable}
}

func groupChain(d packet.Direction) (*nftables.Table, *nftables.Chain) {
	table := groupTable()
	return table, &nftables.Chain{Table: table, Name: string(d)}
}

func baseChain(t *nftables.Table, d packet.Direction, priority nftables.ChainPriority, policy nftables.ChainPolicy) *nftables.Chain {
	hook := nftables.ChainHookInput
	if d == packet.Egress {
		hook = nftables.ChainHookOutput
	}
	return &nftables.Chain{Table: t, Name: string(d), Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &priority, Policy: &policy}
}
