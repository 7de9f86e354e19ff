package nft

import (
	"errors"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

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
	sets           []Set
}

// Expressions returns all expressions that rulesets use.
func Expressions() []Expression {
	names := Set{Name: "addresses", Ranges: merge(nil)}
	load := &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}
	return []Expression{
		{Name: "payload and range", Needed: true, Option: "CONFIG_NF_TABLES", exprs: discoveryExprs()},
		{Name: "counter", Needed: true, Option: "CONFIG_NFT_COUNTER", Module: "nft_counter", exprs: []expr.Any{&expr.Counter{}}},
		{Name: "ct state", Needed: true, Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: matchState(expr.CtStateBitESTABLISHED)},
		{Name: "ct mark", Needed: true, Option: "CONFIG_NF_CONNTRACK_MARK", Module: "nft_ct", exprs: []expr.Any{
			&expr.Immediate{Register: register, Data: make([]byte, 4)},
			&expr.Ct{Key: expr.CtKeyMARK, Register: register, SourceRegister: true},
		}},
		{Name: "meta nftrace", Needed: true, Option: "CONFIG_NF_TABLES", exprs: []expr.Any{
			&expr.Immediate{Register: register, Data: []byte{1}},
			&expr.Meta{Key: expr.MetaKeyNFTRACE, Register: register, SourceRegister: true},
		}},
		{Name: "set", Option: "CONFIG_NF_TABLES", sets: []Set{names}, exprs: []expr.Any{load, &expr.Lookup{SourceRegister: register, SetName: names.Name}}},
		{Name: "ct direction", Option: "CONFIG_NFT_CT", Module: "nft_ct", exprs: []expr.Any{
			&expr.Ct{Key: expr.CtKeyDIRECTION, Register: register}, equal([]byte{originalDirection}),
		}},
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
	t := newTable(n)
	defer t.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.try(Expression{}); err != nil {
		return nil, err
	}
	for _, e := range list {
		lacking = append(lacking, t.try(e))
	}
	return lacking, nil
}

// try creates everything that a host's tables have, with a rule that uses the expression, and
// deletes it. t.mu is held.
func (t *Table) try(e Expression) error {
	tx := newTransaction()
	tx.add(func(c *nftables.Conn) {
		table := c.AddTable(groupTable())
		for _, d := range directions {
			c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter, nftables.ChainPolicyAccept))
		}
	})
	for _, s := range e.sets {
		tx.addSet(s)
	}
	tx.add(func(c *nftables.Conn) {
		table, chain := placeChain(ownIngress)
		if len(e.exprs) > 0 {
			c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Clone(e.exprs)})
		}
		c.DelTable(table)
	})
	return t.commit(tx)
}

// Lacks reports whether an error of [TryExpressions] says that the kernel lacks the expression,
// rather than that something else failed.
func Lacks(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)
}

// Room returns how many bytes the kernel grants for one transaction, and how many were requested.
// An ordinary user is granted fewer.
func (t *Table) Room() (granted, wanted int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	const reserved = 32                        // as in roomOf
	return t.room + reserved, 2 * socketBuffer // the kernel doubles the requested size (socket(7))
}
