package nft

import (
	"github.com/google/nftables"

	"lablab/say"
)

// Sink drops every packet that the groups accept, right after them, in a table of its own. The
// groups still decide about the packet and the trace shows their verdict, but it reaches no program
// and leaves no conntrack entry: an entry is created only when a packet has passed the last hook
// (nf_confirm in net/netfilter/nf_conntrack_core.c).
func (t *Table) Sink() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	tx := newTransaction()
	tx.add(func(c *nftables.Conn) {
		table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "sink"})
		for _, d := range directions {
			c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter+1, nftables.ChainPolicyDrop))
		}
		c.AddChain(forwardChain(table, "forward", *nftables.ChainPriorityFilter+3, nftables.ChainPolicyDrop))
	})
	if err := t.commit(tx); err != nil {
		return say.Errorf("add sink: %w", err)
	}
	return nil
}
