package nft

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
)

// chunkElements is how many elements a message may have, which cannot be longer
// than 64 KB.
const chunkElements = 500

// addSet adds a set with its elements. The library would cut a long list short
// without an error.
func addSet(c *nftables.Conn, table *nftables.Table, s Set) error {
	set := s.kernel(table)
	if err := c.AddSet(set, nil); err != nil {
		return fmt.Errorf("add set %s: %w", s.Name, err)
	}
	for chunk := range slices.Chunk(s.Ranges, chunkElements/2) {
		if err := c.SetAddElements(set, elements(chunk)); err != nil {
			return fmt.Errorf("add to set %s: %w", s.Name, err)
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("add to set %s: %w", s.Name, err)
		}
	}
	return nil
}

// kernel is the set as the library describes it.
func (s Set) kernel(table *nftables.Table) *nftables.Set {
	set := &nftables.Set{Table: table, Name: s.Name, Interval: true, KeyType: nftables.TypeIPAddr}
	if s.Six {
		set.KeyType = nftables.TypeIP6Addr
	}
	return set
}

// elements are ranges as the kernel wants them: where each begins, and where the
// next address after it is.
func elements(ranges []Range) []nftables.SetElement {
	var list []nftables.SetElement
	for _, r := range ranges {
		list = append(list, nftables.SetElement{Key: r.First.AsSlice()})
		if end := r.Last.Next(); end.IsValid() {
			list = append(list, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return list
}

func verifySet(c *nftables.Conn, table *nftables.Table, s Set) error {
	there, err := c.GetSetElements(s.kernel(table))
	if err != nil {
		return fmt.Errorf("read back set %s: %w", s.Name, err)
	}
	if want := len(elements(s.Ranges)); len(there) != want {
		return fmt.Errorf("read back set %s: %d of %d elements", s.Name, len(there), want)
	}
	return nil
}

// Update gives a set other members, in one transaction: no packet sees the set
// without those that stay. Connections that were let in are not touched. A set
// with more ranges than one transaction holds is refused.
func (t *Table) Update(s Set) error {
	return t.with(func(c *nftables.Conn) error {
		if !t.sets[s.Name] {
			return fmt.Errorf("update set %s: the table has none of that name", s.Name)
		}
		if len(s.Ranges) > t.chunk {
			return fmt.Errorf("update set %s: %d ranges are more than one transaction holds here (%d)", s.Name, len(s.Ranges), t.chunk)
		}
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: GroupTable}
		set := s.kernel(table)
		c.FlushSet(set)
		for chunk := range slices.Chunk(s.Ranges, chunkElements/2) {
			if err := c.SetAddElements(set, elements(chunk)); err != nil {
				return fmt.Errorf("update set %s: %w", s.Name, err)
			}
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("update set %s: %w", s.Name, err)
		}
		return verifySet(c, table, s)
	})
}
