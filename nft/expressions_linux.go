package nft

import (
	"errors"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
)

// An Expression is a part of the nftables language that a kernel may lack.
type Expression struct {
	Name   string // in nft(8) syntax
	Needed bool   // by every ruleset
	// Option and Module are the kernel option and the module that provide it; Module is empty if
	// nf_tables itself does.
	Option, Module string
	exprs          []expr.Any
	sets           []ruleset.Set
}

// Expressions returns all expressions that the tables of a namespace may use.
func Expressions() []Expression {
	addresses := ruleset.Set{Name: "addresses", Type: ruleset.IPv4}
	discovery := ruleset.ICMP{Protocol: packet.ICMPv6, First: 133, Last: 137, Code: ruleset.AnyCode}
	return []Expression{
		{Name: "payload and range", Needed: true, Option: "CONFIG_NF_TABLES", exprs: matching(ruleset.HopLimit(255), discovery, ruleset.Accept)},
		{Name: "counter", Needed: true, Option: "CONFIG_NFT_COUNTER", Module: "nft_counter", exprs: matching(ruleset.Counter{})},
		{Name: "ct state", Needed: true, Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.InState(packet.Established))},
		{Name: "ct mark", Needed: true, Option: "CONFIG_NF_CONNTRACK_MARK", Module: "nft_ct", exprs: matching(ruleset.SetCtMark{})},
		{Name: "meta nftrace", Needed: true, Option: "CONFIG_NF_TABLES", exprs: matching(ruleset.Trace{})},
		{Name: "set", Option: "CONFIG_NF_TABLES", sets: []ruleset.Set{addresses}, exprs: matching(ruleset.Address{Side: ruleset.Source, Set: addresses.Name})},
		{Name: "ct direction", Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.Original)},
		{Name: "ct zone", Option: "CONFIG_NF_CONNTRACK_ZONES", Module: "nft_ct", exprs: []expr.Any{
			&expr.Immediate{Register: register, Data: zone(packet.SCTP)},
			&expr.Ct{Key: expr.CtKeyZONE, Register: register, SourceRegister: true},
		}},
	}
}

// TryExpressions tries the tables and then each expression in n, which it leaves unchanged: each
// trial is one transaction that ends by deleting what it created. An error in lacking wraps ENOENT
// if the kernel lacks the expression, and EOPNOTSUPP if it lacks an option of it.
func TryExpressions(n *ns.Namespace, list []Expression) (lacking []error, err error) {
	f := newFirewall(n)
	defer f.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.try(Expression{}); err != nil {
		return nil, err
	}
	for _, e := range list {
		lacking = append(lacking, f.try(e))
	}
	return lacking, nil
}

// try creates what every firewall has, with a rule that uses the expression, and deletes it. f.mu is
// held.
func (f *Firewall) try(e Expression) error {
	const trial = "trial"
	chain := ruleset.Chain{Name: "input", Hook: ruleset.Input, Policy: ruleset.Accept}
	tx := newTransaction()
	tx.command(addTable{trial})
	tx.command(addChain{trial, chain})
	for _, s := range e.sets {
		tx.command(addSet{trial, s})
	}
	tx.add(func(c *nftables.Conn) {
		if len(e.exprs) > 0 {
			c.AddRule(&nftables.Rule{Table: kernelTable(trial), Chain: kernelChain(trial, chain), Exprs: slices.Clone(e.exprs)})
		}
	})
	tx.command(deleteTable{trial})
	return f.commit(tx)
}

// Lacks reports whether an error of [TryExpressions] says that the kernel lacks the expression,
// rather than that something else failed.
func Lacks(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)
}

// Room returns how many bytes the kernel grants for one transaction, and how many were requested.
// An ordinary user is granted fewer.
func (f *Firewall) Room() (granted, wanted int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const reserved = 32                        // as in roomOf
	return f.room + reserved, 2 * socketBuffer // the kernel doubles the requested size (socket(7))
}
