package nft

import (
	"math"
	"sync"

	"github.com/google/nftables"
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
	handles       map[ruleAt]uint64
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
	return &Table{ns: n, judges: map[uint64]packet.By{}, states: map[uint64]packet.State{}, acl: map[uint64]string{}, handles: map[ruleAt]uint64{}, versions: map[string]int{}, room: math.MaxInt}
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
	return t.counters(GroupTable, t.inForce.places())
}

// counters returns the counters of a table's rules in these places, in the rules' order. t.mu is
// held.
func (t *Table) counters(table string, places []place) (counters []Counter, err error) {
	for _, p := range places {
		rules, err := t.list(table, string(p))
		if err != nil {
			return nil, say.Errorf("read %s counters: %w", p, err)
		}
		for _, r := range rules {
			if r.counts {
				counters = append(counters, Counter{
					Direction: p.direction(), Number: p.number(r.mark), ID: r.id, Packets: r.packets, Bytes: r.bytes, Chain: string(p),
				})
			}
		}
	}
	return counters, nil
}

var directions = [...]packet.Direction{packet.Ingress, packet.Egress}

func groupTable() *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable}
}

func baseChain(t *nftables.Table, d packet.Direction, priority nftables.ChainPriority, policy nftables.ChainPolicy) *nftables.Chain {
	hook := nftables.ChainHookInput
	if d == packet.Egress {
		hook = nftables.ChainHookOutput
	}
	return &nftables.Chain{Table: t, Name: string(d), Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: &priority, Policy: &policy}
}
