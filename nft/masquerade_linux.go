package nft

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"lablab/say"
)

// NATTable is the table of a host that masquerades.
const NATTable = "nat"

// Masquerade makes the host replace the source of what it forwards by its own address, as a NAT
// instance does. An error wraps ENOENT if the kernel lacks the expression (nft_masq) or NAT.
func (t *Table) Masquerade() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	tx := newTransaction()
	tx.add(func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: NATTable})
		chain := c.AddChain(&nftables.Chain{
			Table: table, Name: "postrouting", Type: nftables.ChainTypeNAT,
			Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
		})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register},
			&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte(interfaces)},
			&expr.Masq{},
		}})
	})
	if err := t.commit(tx); err != nil {
		return say.Errorf("masquerade: %w", err)
	}
	return nil
}
