package nft

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/google/nftables/expr"
	mnl "github.com/mdlayher/netlink"
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
	nat            bool // it belongs into a chain of the type nat
	// uses reports whether a statement needs the expression, which not every ruleset does.
	uses func(ruleset.Statement) bool
}

// UsedIn reports whether tables need the expression.
func (x Expression) UsedIn(tables []ruleset.Table) bool {
	return x.Needed || slices.ContainsFunc(tables, func(t ruleset.Table) bool {
		return slices.ContainsFunc(t.Chains, func(c ruleset.Chain) bool {
			return slices.ContainsFunc(c.Rules, func(r ruleset.Rule) bool { return slices.ContainsFunc(r.Statements, x.uses) })
		})
	})
}

// Expressions returns all expressions that the tables of a namespace may use.
func Expressions() []Expression {
	addresses, marks := ruleset.Set{Name: "addresses", Type: ruleset.IPv4}, ruleset.Set{Name: "marks", Type: ruleset.Marks}
	all := ruleset.Range{First: netip.IPv4Unspecified(), Last: netip.IPv4Unspecified()}
	discovery := ruleset.ICMP{Protocol: packet.ICMPv6, First: 133, Last: 137, Code: ruleset.AnyCode}
	return []Expression{
		{Name: "payload and range", Needed: true, Option: "CONFIG_NF_TABLES", exprs: matching(ruleset.HopLimit(255), discovery, ruleset.Accept)},
		{Name: "counter", Needed: true, Option: "CONFIG_NFT_COUNTER", Module: "nft_counter", exprs: matching(ruleset.Counter{})},
		{Name: "ct state", Needed: true, Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.InState(packet.Established))},
		{Name: "ct mark", Needed: true, Option: "CONFIG_NF_CONNTRACK_MARK", Module: "nft_ct", exprs: matching(ruleset.SetCtMark{})},
		{Name: "meta nftrace", Needed: true, Option: "CONFIG_NF_TABLES", exprs: matching(ruleset.Trace{})},
		{Name: "set", Option: "CONFIG_NF_TABLES", sets: []ruleset.Set{addresses}, exprs: matching(ruleset.Address{Side: ruleset.Source, Set: addresses.Name}), uses: func(s ruleset.Statement) bool {
			a, is := s.(ruleset.Address)
			return is && a.Set != ""
		}},
		{Name: "ct mark in a set", Option: "CONFIG_NFT_CT", Module: "nft_ct", sets: []ruleset.Set{marks}, exprs: matching(ruleset.CtMark{Set: marks.Name}), uses: func(s ruleset.Statement) bool {
			m, is := s.(ruleset.CtMark)
			return is && m.Set != ""
		}},
		{Name: "ct direction", Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.Original), uses: isA[ruleset.FlowDirection]},
		{Name: "ct status", Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.DNAT), uses: isA[ruleset.Status]},
		{Name: "ct original address", Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.Address{Side: ruleset.Source, Original: true, Range: all}), uses: func(s ruleset.Statement) bool {
			a, is := s.(ruleset.Address)
			return is && a.Original
		}},
		{Name: "ct original port", Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matching(ruleset.Protocol(packet.TCP), ruleset.OriginalPorts{Side: ruleset.Destination, First: 1, Last: 1}), uses: isA[ruleset.OriginalPorts]},
		{Name: "reject", Option: "CONFIG_NFT_REJECT_INET", Module: "nft_reject_inet", exprs: matching(ruleset.Protocol(packet.TCP), ruleset.Reset{}), uses: isA[ruleset.Reset]},
		{Name: "masquerade", Option: "CONFIG_NFT_MASQ", Module: "nft_masq", nat: true, exprs: matching(ruleset.Masquerade{}), uses: isA[ruleset.Masquerade]},
		{Name: "ct zone", Option: "CONFIG_NF_CONNTRACK_ZONES", Module: "nft_ct", exprs: []expr.Any{
			&expr.Immediate{Register: register, Data: zone(packet.SCTP)},
			&expr.Ct{Key: expr.CtKeyZONE, Register: register, SourceRegister: true},
		}, uses: func(ruleset.Statement) bool { return false }}, // in a table of lablab's own
	}
}

func isA[S ruleset.Statement](s ruleset.Statement) bool {
	_, is := s.(S)
	return is
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
	chain := ruleset.Chain{Name: "chain", Hook: ruleset.Input, Policy: ruleset.Accept}
	if e.nat {
		chain = ruleset.Chain{Name: "chain", Hook: ruleset.Postrouting, Priority: 100, Policy: ruleset.Accept, NAT: true}
	}
	tx := newTransaction()
	tx.command(addTable{trial})
	tx.command(addChain{trial, chain})
	for _, s := range e.sets {
		tx.command(addSet{trial, s})
	}
	if len(e.exprs) > 0 && tx.err == nil {
		tx.message(encodeRule(site{trial, chain.Name}, mnl.Create|mnl.Append, e.exprs, "", func(*mnl.AttributeEncoder) {}))
	}
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
