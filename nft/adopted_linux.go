package nft

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"sync"

	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// An Adopted is the ruleset that another program, such as nft(8), has put in force in a namespace.
// Its methods may be called from any goroutine.
type Adopted struct {
	tracer *Firewall
	local  func(netip.Addr) bool

	mu      sync.Mutex
	points  map[uint64]point // what the rules of the tracing table stand for, by handle
	foreign foreign
}

// Adopt reads the ruleset of a namespace, and has everything that it does with packets traced. local
// reports whether an address is one of the host's.
func Adopt(n *ns.Namespace, local func(netip.Addr) bool) (*Adopted, error) {
	a := &Adopted{tracer: newFirewall(n), local: local}
	if err := a.adopt(); err != nil {
		a.Close()
		return nil, say.Errorf("adopt ruleset: %w", err)
	}
	return a, nil
}

func (a *Adopted) adopt() (err error) {
	f := a.tracer
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.foreign, err = f.foreign(); err != nil {
		return err
	}
	if a.foreign.traced() {
		return say.Errorf("table inet %s is lablab's own: choose another name", say.As(tracerName))
	}
	a.points, err = f.trace()
	return err
}

// trace puts the tracing table in force, and returns what its rules stand for. f.mu is held.
func (f *Firewall) trace() (map[uint64]point, error) {
	table, points := tracer()
	trace, err := differ(nil, []ruleset.Table{table}, f)
	if err != nil {
		return nil, err
	}
	if err := f.take(trace); err != nil {
		return nil, err
	}
	byHandle := map[uint64]point{}
	for _, c := range table.Chains {
		rules, err := f.list(site{tracerName, c.Name})
		if err != nil {
			return nil, err
		}
		if len(rules) != len(c.Rules) {
			return nil, say.Errorf("read back trace rules: %d of %d", len(rules), len(c.Rules))
		}
		for i, r := range rules {
			byHandle[r.handle] = points[c.Name][i]
		}
	}
	return byHandle, nil
}

// Close closes the sockets. The rules stay in force as long as the namespace exists.
func (a *Adopted) Close() { a.tracer.Close() }

// Trace opens the trace (NFNLGRP_NFTRACE, Linux 4.6). It comes with the notifications of changes, in
// order: handles may stand for other rules after a change.
func (a *Adopted) Trace() (*Trace, error) {
	l, err := a.tracer.ns.Listen(unix.NFNLGRP_NFTRACE, unix.NFNLGRP_NFTABLES)
	if err != nil {
		return nil, err
	}
	return &Trace{Listener: l, packets: &passages{local: a.local, rules: a, begun: map[uint32]*passage{}}}, nil
}

// Rules reads the rules, in the order of the tables and chains, with the values of their counters.
func (a *Adopted) Rules() ([]AdoptedRule, error) {
	if err := a.read(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.foreign.list, nil
}

// read reads the ruleset again: a program of the host may have changed it. If that has deleted the
// tracing table, as `flush ruleset` does, read puts it back.
func (a *Adopted) read() error {
	a.tracer.mu.Lock()
	defer a.tracer.mu.Unlock()
	now, err := a.tracer.foreign()
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.foreign = now.after(a.foreign)
	if now.traced() {
		return nil
	}
	a.points, err = a.tracer.trace()
	return err
}

// changed implements [rulebook].
func (a *Adopted) changed() error { return a.read() }

// point implements [rulebook].
func (a *Adopted) point(handle uint64) point {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.points[handle]
}

// chain implements [rulebook].
func (a *Adopted) chain(at chainSite) (base baseChain, is bool, err error) {
	a.mu.Lock()
	base, known := a.foreign.chains[at]
	a.mu.Unlock()
	if known || !at.traced() {
		return base, base.hook != "", nil
	}
	if err := a.read(); err != nil {
		return base, false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	base, known = a.foreign.chains[at]
	if !known { // it has been deleted already
		a.foreign.chains[at] = base
	}
	return base, base.hook != "", nil
}

// by implements [rulebook].
func (a *Adopted) by(at chainSite, handle uint64) (packet.By, error) {
	a.mu.Lock()
	by, known := a.foreign.bys[ruleAt{at, handle}]
	a.mu.Unlock()
	if known {
		return by, nil
	}
	if err := a.read(); err != nil {
		return by, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if by, known = a.foreign.bys[ruleAt{at, handle}]; !known {
		by = a.foreign.name(at, handle, "")
		a.foreign.bys[ruleAt{at, handle}] = by
	}
	return by, nil
}

// rejects implements [rulebook].
func (a *Adopted) rejects(at chainSite, handle uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.foreign.reject[ruleAt{at, handle}]
}

// tracer returns that table. It turns tracing on before any other chain can drop a packet, says the
// state as soon as conntrack knows it, and says when a packet has passed a hook. points are what
// each rule of its chains stands for.
func tracer() (t ruleset.Table, points map[string][]point) {
	const first, tracked, last = math.MinInt32, -199, math.MaxInt32 - 1 // conntrack looks a packet up at -200
	t, points = ruleset.Table{Name: tracerName}, map[string][]point{}
	add := func(name string, hook ruleset.Hook, priority int, p point, statements ...ruleset.Statement) {
		i := len(points[name])
		if i == 0 {
			t.Chains = append(t.Chains, ruleset.Chain{Name: name, Hook: hook, Priority: priority})
		}
		chain := &t.Chains[len(t.Chains)-1]
		chain.Rules = append(chain.Rules, ruleset.Rule{Statements: append(statements, ruleset.Accept)})
		points[name] = append(points[name], p)
	}
	add("arrives", ruleset.Prerouting, first, point{at: arrives}, ruleset.Trace{})
	add("begins", ruleset.Output, first, point{at: begins}, ruleset.Trace{})
	for _, s := range []packet.State{packet.New, packet.Established, packet.Related, packet.Invalid, packet.Untracked} {
		add("known_in", ruleset.Prerouting, tracked, point{at: known, state: s}, ruleset.InState(s))
	}
	for _, s := range []packet.State{packet.New, packet.Established, packet.Related, packet.Invalid, packet.Untracked} {
		add("known_out", ruleset.Output, tracked, point{at: known, state: s}, ruleset.InState(s))
	}
	add("received", ruleset.Input, last, point{at: received})
	add("forwarded", ruleset.Forward, last, point{at: forwarded})
	add("leaves", ruleset.Postrouting, last, point{at: leaves})
	return t, points
}

// foreign lists the ruleset. f.mu is held.
func (f *Firewall) foreign() (foreign, error) {
	var chains, rules []mnl.Message
	for _, of := range []struct {
		kind int
		to   *[]mnl.Message
	}{{unix.NFT_MSG_GETCHAIN, &chains}, {unix.NFT_MSG_GETRULE, &rules}} {
		socket, err := f.dial()
		if err != nil {
			return foreign{}, err
		}
		f.retire(socket.Close)
		request := message(of.kind, mnl.Dump, nil)
		request.Data[0] = unix.AF_UNSPEC
		err = ns.Await(interrupt(socket), func() (err error) {
			*of.to, err = socket.Execute(request)
			return err
		})
		if err != nil {
			return foreign{}, say.Errorf("list ruleset: %w", err)
		}
	}
	all := newForeign()
	for _, m := range chains {
		at, base, err := decodeChain(m)
		if err != nil {
			return foreign{}, err
		}
		all.addChain(at, base)
	}
	for _, m := range rules {
		r, err := decodeRule(m)
		if err != nil {
			return foreign{}, err
		}
		all.addRule(m.Data[0], r)
	}
	all.finish()
	return all, nil
}

// decodeChain decodes a chain: enum nft_chain_attributes.
func decodeChain(m mnl.Message) (at chainSite, base baseChain, err error) {
	if len(m.Data) < 4 {
		return at, base, say.Errorf("decode chain: message of %d bytes", len(m.Data))
	}
	at.family = m.Data[0]
	ad, err := mnl.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return at, base, say.Errorf("decode chain: %w", err)
	}
	ad.ByteOrder = binary.BigEndian
	hooked, number := false, uint32(0)
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_CHAIN_TABLE:
			at.table = ad.String()
		case unix.NFTA_CHAIN_NAME:
			at.chain = ad.String()
		case unix.NFTA_CHAIN_TYPE:
			base.nat = ad.String() == "nat"
		case unix.NFTA_CHAIN_HOOK:
			hooked = true
			ad.Nested(func(hook *mnl.AttributeDecoder) error {
				for hook.Next() {
					if hook.Type() == unix.NFTA_HOOK_HOOKNUM {
						number = hook.Uint32()
					}
				}
				return nil
			})
		}
	}
	if err := ad.Err(); err != nil {
		return at, base, say.Errorf("decode chain: %w", err)
	}
	if hooks := []ruleset.Hook{ruleset.Prerouting, ruleset.Input, ruleset.Forward, ruleset.Output, ruleset.Postrouting}; hooked && at.traced() && int(number) < len(hooks) {
		base.hook = hooks[number]
	}
	return at, base, nil
}

// IDs returns the ids of the rules and of the policies that may decide about packets.
func (a *Adopted) IDs() ([]string, error) {
	rules, err := a.Rules()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var ids []string
	for at, base := range a.foreign.chains {
		if base.hook != "" && !base.nat && at.table != tracerName {
			ids = append(ids, a.foreign.name(at, 0, "").ID)
		}
	}
	for _, r := range rules {
		ids = append(ids, r.By.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
