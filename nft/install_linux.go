package nft

import (
	"fmt"
	"slices"

	"github.com/google/nftables"

	"lablab/sg"
)

// install puts a ruleset in force. The chains drop everything from the first
// transaction on, so a ruleset that takes several lets nothing through meanwhile.
func (t *Table) install(c *nftables.Conn, rs Ruleset) error {
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable})
	chains := map[sg.Direction]*nftables.Chain{}
	for _, d := range directions {
		chains[d] = c.AddChain(baseChain(table, d, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop))
		c.AddRule(&nftables.Rule{Table: table, Chain: chains[d], Exprs: establishedExprs(), UserData: comment(Established)})
	}
	addTrace(c)
	for _, s := range rs.Sets {
		if err := addSet(c, table, s); err != nil {
			return err
		}
		t.sets[s.Name] = true
	}
	for _, d := range directions {
		for chunk := range slices.Chunk(rs.Rules(d), t.chunk) {
			for _, r := range chunk {
				c.AddRule(&nftables.Rule{Table: table, Chain: chains[d], Exprs: ruleExprs(r, d), UserData: comment(r.ID)})
			}
			if len(chunk) == t.chunk {
				if err := c.Flush(); err != nil {
					return err
				}
			}
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	return t.verify(c, table, rs)
}

// verify reads back how much has arrived: neither the library nor an answer that
// did not fit can be trusted with that.
func (t *Table) verify(c *nftables.Conn, table *nftables.Table, rs Ruleset) error {
	for _, s := range rs.Sets {
		if err := verifySet(c, table, s); err != nil {
			return err
		}
	}
	handles, complete, err := t.news.rules()
	if err != nil {
		return err
	}
	for _, d := range directions {
		rules := append([]Rule{{Rule: sg.Rule{ID: Established}}}, rs.Rules(d)...)
		there := len(handles[d])
		if complete && there == len(rules) {
			t.note(d, rules, handles[d])
		} else if there, err = t.learn(c, d); err != nil {
			return err
		}
		if there != len(rules) {
			return fmt.Errorf("read back %s rules: %d of %d", d, there, len(rules))
		}
	}
	return nil
}
