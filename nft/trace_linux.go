package nft

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// tracing returns the table that turns on tracing, just before the tables that decide. It has one
// rule per state, so the rule that begins a packet's trace shows the state on every kernel; for packets
// of a flow that EC2 would not track, that is untracked. It also keeps conntrack active when the last
// rule that needs it is gone.
//
// A rule that accepts a packet leaves its number in the packet's mark. If the packet is NEW, the
// table writes that to the mark of its conntrack entry.
func tracing() ruleset.Table {
	const before, after = -9, 10 // the tables that decide
	untracked := ruleset.CtMark{Value: uint32(packet.UntrackedMark)}
	tracked := untracked
	tracked.Not = true
	var begin []ruleset.Rule
	for _, s := range tracedStates {
		match := []ruleset.Statement{s.match}
		if s.marked {
			match = append(match, untracked)
		}
		begin = append(begin, ruleset.Rule{Statements: append(match,
			ruleset.SetMark{}, // a program may have set the mark
			ruleset.Trace{},
			ruleset.Accept, // saves the message about the policy
		)})
	}
	accepted := []ruleset.Rule{{Statements: []ruleset.Statement{ruleset.InState(packet.New), tracked, ruleset.CopyMark{}}}}
	t := ruleset.Table{Name: traceName}
	for _, at := range tracedHooks {
		t.Chains = append(t.Chains,
			ruleset.Chain{Name: at.chain, Hook: at.hook, Priority: before, Rules: begin},
			ruleset.Chain{Name: at.chain + "_accepted", Hook: at.hook, Priority: after, Rules: accepted})
	}
	return t
}

// tracedHooks are the hooks at which tables decide, with the chains that trace there.
var tracedHooks = []struct {
	chain string
	hook  ruleset.Hook
}{{"forward", ruleset.Forward}, {string(packet.Ingress), ruleset.Input}, {string(packet.Egress), ruleset.Output}}

// tracedStates are the states of packets, in the order of the rules that match them.
var tracedStates = []struct {
	name   packet.State
	match  ruleset.State
	marked bool // for entries with packet.UntrackedMark only
}{
	{name: packet.Untracked, match: ruleset.InState(packet.New, packet.Established), marked: true},
	{name: packet.New, match: ruleset.InState(packet.New)},
	{name: packet.Established, match: ruleset.InState(packet.Established)},
	{name: packet.Related, match: ruleset.InState(packet.Related)},
	{name: packet.Invalid, match: ruleset.InState(packet.Invalid)},
	{name: packet.Untracked, match: ruleset.InState(packet.Untracked)},
}

// learnStates records which handle stands for which state. The kernel lists the rules in the order
// in which they were added. f.mu is held.
func (f *Firewall) learnStates() error {
	for _, at := range tracedHooks {
		rules, err := f.list(site{traceName, at.chain})
		if err != nil {
			return say.Errorf("read back trace rules: %w", err)
		}
		if len(rules) != len(tracedStates) {
			return say.Errorf("read back trace rules: %d of %d", len(rules), len(tracedStates))
		}
		for i, r := range rules {
			f.states[r.handle] = tracedStates[i].name
		}
	}
	return nil
}

// A Trace is the kernel's record of what the rules in a namespace do, packet by packet, from the
// moment it was opened.
type Trace struct {
	*ns.Listener
	packets joiner
}

// A joiner makes a verdict of the messages about one packet.
type joiner interface {
	// add processes the next message. It returns a verdict once that is complete.
	add(netlink.Message) (v Verdict, complete bool, err error)
	// forget discards unfinished packets.
	forget()
	// verdictsIn estimates how many verdicts that many messages make up, at least one.
	verdictsIn(messages int) int
}

// Trace opens the trace (NFNLGRP_NFTRACE, Linux 4.6).
func (f *Firewall) Trace() (*Trace, error) {
	f.mu.Lock()
	err := f.know()
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	l, err := f.ns.Listen(unix.NFNLGRP_NFTRACE)
	if err != nil {
		return nil, err
	}
	return &Trace{Listener: l, packets: &assembler{states: f.states, meaning: f.meaning, judge: f.judge}}, nil
}

// Drain calls see for each verdict that has arrived by now, and missed if the kernel had to drop
// messages because they were not read in time. The number of lost verdicts is estimated from the
// average number of messages per verdict so far.
func (tr *Trace) Drain(see func(Verdict), missed func(verdicts int)) error {
	return tr.Listener.Drain(func(m netlink.Message) error {
		v, done, err := tr.packets.add(m)
		if err == nil && done {
			see(v)
		}
		return err
	}, func(messages int) {
		tr.packets.forget()
		missed(tr.packets.verdictsIn(messages))
	})
}
