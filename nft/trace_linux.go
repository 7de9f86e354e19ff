package nft

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// addTrace adds the table that turns on tracing, just before the group's own. It has one rule per
// state, so the rule that begins a packet's trace shows the state on every kernel. It also keeps
// conntrack active when the last group rule that needs it is gone.
//
// An ICMP error comes with the conntrack entry of the flow that it is about, and the rule that
// accepts it would write its number there. So the table saves the entry's mark in the packet's own
// mark, and restores it after the rules.
func addTrace(c *nftables.Conn) {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: TraceTable})
	for _, d := range directions {
		chain := c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter-10, nftables.ChainPolicyAccept))
		for _, state := range states {
			exprs := matchState(state.bit)
			if state.bit == expr.CtStateBitRELATED {
				exprs = append(exprs, &expr.Ct{Key: expr.CtKeyMARK, Register: register}, &expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true})
			}
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs,
				&expr.Immediate{Register: register, Data: []byte{1}},
				&expr.Meta{Key: expr.MetaKeyNFTRACE, Register: register, SourceRegister: true},
				&expr.Verdict{Kind: expr.VerdictAccept}, // saves the message about the policy
			)})
		}
		behind := baseChain(table, d, *nftables.ChainPriorityFilter+10, nftables.ChainPolicyAccept)
		behind.Name = string(d) + "_behind"
		c.AddRule(&nftables.Rule{Table: table, Chain: c.AddChain(behind), Exprs: append(matchState(expr.CtStateBitRELATED),
			&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
			&expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true},
		)})
	}
}

// learnStates records which handle stands for which state. The kernel lists the rules in the order
// in which they were added. t.mu is held.
func (t *Table) learnStates(c *nftables.Conn) error {
	for _, d := range directions {
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: TraceTable}
		rules, err := c.GetRules(table, &nftables.Chain{Table: table, Name: string(d)})
		if err != nil {
			return say.Errorf("read back trace rules: %w", err)
		}
		if len(rules) != len(states) {
			return say.Errorf("read back trace rules: %d of %d", len(rules), len(states))
		}
		for i, r := range rules {
			t.states[r.Handle] = states[i].name
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
