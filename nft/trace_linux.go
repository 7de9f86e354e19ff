package nft

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// addTrace adds the table that turns on tracing, just before the group's own. It has one rule per
// state, so the rule that begins a packet's trace shows the state on every kernel; for packets of a
// flow that EC2 would not track, that is untracked. It also keeps conntrack active when the last
// group rule that needs it is gone.
//
// A rule that accepts a packet leaves its number in the packet's mark. If the packet is NEW, the
// table writes that to the mark of its conntrack entry.
func addTrace(c *nftables.Conn) {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: TraceTable})
	for _, chain := range traceChains(table, *nftables.ChainPriorityFilter-9) {
		c.AddChain(chain)
		for _, state := range tracedStates {
			exprs := matchState(state.bits)
			if state.marked {
				exprs = append(exprs, loadMark(), equal(untrackedMark()))
			}
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs,
				&expr.Immediate{Register: register, Data: make([]byte, 4)}, // a program may have set the mark
				&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
				&expr.Immediate{Register: register, Data: []byte{1}},
				&expr.Meta{Key: expr.MetaKeyNFTRACE, Register: register, SourceRegister: true},
				&expr.Verdict{Kind: expr.VerdictAccept}, // saves the message about the policy
			)})
		}
	}
	for _, after := range traceChains(table, *nftables.ChainPriorityFilter+10) {
		after.Name += "_accepted"
		c.AddRule(&nftables.Rule{Table: table, Chain: c.AddChain(after), Exprs: append(matchState(expr.CtStateBitNEW),
			loadMark(), &expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: untrackedMark()},
			&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
			&expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true},
		)})
	}
}

// tracedStates are the states of packets, in the order of the rules that match them.
var tracedStates = []struct {
	name   packet.State
	bits   uint32
	marked bool // for entries with packet.UntrackedMark only
}{
	{name: packet.Untracked, bits: expr.CtStateBitNEW | expr.CtStateBitESTABLISHED, marked: true},
	{name: packet.New, bits: expr.CtStateBitNEW},
	{name: packet.Established, bits: expr.CtStateBitESTABLISHED},
	{name: packet.Related, bits: expr.CtStateBitRELATED},
	{name: packet.Invalid, bits: expr.CtStateBitINVALID},
	{name: packet.Untracked, bits: expr.CtStateBitUNTRACKED},
}

// traceChains returns a chain for each hook at which rules are.
func traceChains(table *nftables.Table, priority nftables.ChainPriority) []*nftables.Chain {
	chains := []*nftables.Chain{forwardChain(table, "forward", priority, nftables.ChainPolicyAccept)}
	for _, d := range directions {
		chains = append(chains, baseChain(table, d, priority, nftables.ChainPolicyAccept))
	}
	return chains
}

// learnStates records which handle stands for which state. The kernel lists the rules in the order
// in which they were added. t.mu is held.
func (t *Table) learnStates() error {
	for _, chain := range traceChains(nil, 0) {
		rules, err := t.list(TraceTable, chain.Name)
		if err != nil {
			return say.Errorf("read back trace rules: %w", err)
		}
		if len(rules) != len(tracedStates) {
			return say.Errorf("read back trace rules: %d of %d", len(rules), len(tracedStates))
		}
		for i, r := range rules {
			t.states[r.handle] = tracedStates[i].name
		}
	}
	return nil
}

// A Trace is the kernel's record of what the rules of one host do, packet by packet, from the
// moment it was opened.
type Trace struct {
	*ns.Listener
	packets assembler
}

// Trace opens the trace of t (NFNLGRP_NFTRACE, Linux 4.6).
func (t *Table) Trace() (*Trace, error) {
	t.mu.Lock()
	err := t.know()
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	l, err := t.ns.Listen(unix.NFNLGRP_NFTRACE)
	if err != nil {
		return nil, err
	}
	return &Trace{Listener: l, packets: assembler{states: t.states, judge: t.judge, aclJudge: t.aclJudge}}, nil
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
