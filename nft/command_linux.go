package nft

import (
	"errors"

	"github.com/google/nftables"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/nft/ruleset"
	"lablab/say"
)

// command adds a command to the transaction.
func (tx *transaction) command(c command) {
	switch c := c.(type) {
	case addRule:
		tx.addRule(c)
	case replaceRule:
		tx.rule(c.site, mnl.Replace, c.rule, func(ae *mnl.AttributeEncoder) { ae.Uint64(unix.NFTA_RULE_HANDLE, c.handle) })
	default:
		tx.add(func(conn *nftables.Conn) { tx.err = errors.Join(tx.err, encode(conn, c)) })
	}
}

// encode makes the library encode a command that is about no new rule.
func encode(conn *nftables.Conn, c command) error {
	switch c := c.(type) {
	case addTable:
		conn.AddTable(kernelTable(c.table))
	case deleteTable:
		conn.DelTable(kernelTable(c.table))
	case addChain:
		conn.AddChain(kernelChain(c.table, c.chain))
	case flushChain:
		conn.FlushChain(kernelChain(c.table, ruleset.Chain{Name: c.chain}))
	case deleteChain:
		conn.DelChain(kernelChain(c.table, ruleset.Chain{Name: c.chain}))
	case addSet:
		return conn.AddSet(kernelSet(c.table, c.set), nil)
	case deleteSet:
		conn.DelSet(kernelSet(c.table, ruleset.Set{Name: c.set}))
	case addElements:
		return conn.SetAddElements(kernelSet(c.table, c.set), elements(c.set))
	case flushSet:
		conn.FlushSet(kernelSet(c.table, c.set))
	case deleteRule:
		chain := kernelChain(c.table, ruleset.Chain{Name: c.chain})
		return conn.DelRule(&nftables.Rule{Table: chain.Table, Chain: chain, Handle: c.handle})
	default:
		return say.Errorf("write a command for the kernel: %s is unknown", c)
	}
	return nil
}

func (tx *transaction) addRule(c addRule) {
	if c.before == 0 {
		tx.rule(c.site, mnl.Create|mnl.Append, c.rule, func(*mnl.AttributeEncoder) {})
		return
	}
	tx.rule(c.site, mnl.Create, c.rule, func(ae *mnl.AttributeEncoder) { ae.Uint64(unix.NFTA_RULE_POSITION, c.before) })
}

// rule adds a rule in a place that attributes say.
func (tx *transaction) rule(at site, flags mnl.HeaderFlags, r ruleset.Rule, place func(*mnl.AttributeEncoder)) {
	if tx.err != nil {
		return
	}
	m, err := ruleMessage(at, flags, r, place)
	tx.message(m, err)
}

// message adds a message, unless it could not be encoded.
func (tx *transaction) message(m mnl.Message, err error) {
	if tx.err = err; err == nil {
		tx.messages = append(tx.messages, m)
	}
}

func kernelTable(name string) *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: name}
}

// kernelChain returns a chain in the library's form.
func kernelChain(table string, c ruleset.Chain) *nftables.Chain {
	chain := &nftables.Chain{Table: kernelTable(table), Name: c.Name}
	if c.Hook == "" {
		return chain
	}
	priority, verdict := nftables.ChainPriority(c.Priority), nftables.ChainPolicyAccept
	if c.Policy == ruleset.Drop {
		verdict = nftables.ChainPolicyDrop
	}
	chain.Type, chain.Priority, chain.Policy = nftables.ChainTypeFilter, &priority, &verdict
	if c.NAT {
		chain.Type = nftables.ChainTypeNAT
	}
	chain.Hooknum = map[ruleset.Hook]*nftables.ChainHook{
		ruleset.Prerouting: nftables.ChainHookPrerouting, ruleset.Input: nftables.ChainHookInput, ruleset.Forward: nftables.ChainHookForward,
		ruleset.Output: nftables.ChainHookOutput, ruleset.Postrouting: nftables.ChainHookPostrouting,
	}[c.Hook]
	return chain
}
