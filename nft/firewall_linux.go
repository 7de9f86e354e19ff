package nft

import (
	"math"
	"sync"

	mnl "github.com/mdlayher/netlink"

	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// A Firewall is the tables in force in one network namespace. Its methods may be called from any
// goroutine.
type Firewall struct {
	ns *ns.Namespace
	// Serializes access: a listing during a change is truncated, without an error.
	mu sync.Mutex
	// With the kernel's names of the sets, and with the rules in its order.
	inForce []ruleset.Table
	// What the decisions of a chain and of a rule mean, and the state for which a rule of the trace
	// stands. Past ones stay: the trace may still contain packets that they decided about.
	means  map[site]ruleset.Decides
	judges map[ruleSite]packet.By
	states map[uint64]packet.State
	// The handles of the rules in force, once they have been needed, and from then on the
	// notifications of new ones.
	handles       map[site][]uint64
	notifications *notifications
	// How often a set of that name has been replaced by another.
	versions map[setSite]int
	socket   *mnl.Conn // for changes; nil until the first one
	// How many bytes one transaction may have.
	room int
	// They close the retired sockets.
	retired []func() error
}

// A ruleSite is a rule of a table, by its handle.
type ruleSite struct {
	table  string
	handle uint64
}

func newFirewall(n *ns.Namespace) *Firewall {
	return &Firewall{
		ns: n, means: map[site]ruleset.Decides{}, judges: map[ruleSite]packet.By{}, states: map[uint64]packet.State{},
		handles: map[site][]uint64{}, versions: map[setSite]int{}, room: math.MaxInt,
	}
}

// Close closes the sockets. The rules stay in force as long as the namespace exists.
func (f *Firewall) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closeRetired()
	if f.socket != nil {
		_ = f.socket.Close()
	}
	if f.notifications != nil {
		_ = f.notifications.Close()
	}
}

// ErrNoRule says that no rule has the given handle.
var ErrNoRule = say.New("no such rule is in force")

// InForce returns the tables that were put in force last, with the kernel's names of their sets and
// with the rules in its order.
func (f *Firewall) InForce() []ruleset.Table {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inForce
}

// Live returns the tables in force with the values of their counters.
func (f *Firewall) Live() ([]ruleset.Table, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tables := make([]ruleset.Table, len(f.inForce))
	for i, t := range f.inForce {
		tables[i] = ruleset.Table{Name: t.Name, Sets: t.Sets, Chains: make([]ruleset.Chain, len(t.Chains))}
		for j, c := range t.Chains {
			if !counts(c) {
				tables[i].Chains[j] = c
				continue
			}
			rules, err := f.list(site{t.Name, c.Name})
			if err != nil {
				return nil, say.Errorf("read %s counters: %w", c.Name, err)
			}
			tables[i].Chains[j] = read(c, rules)
		}
	}
	return tables, nil
}
