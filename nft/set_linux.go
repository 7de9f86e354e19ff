package nft

import (
	"slices"

	"github.com/google/nftables"

	"lablab/say"
)

// chunkElements is how many elements a message may have, which cannot be longer
// than 64 KB. The library would cut a long list short without an error.
const chunkElements = 500

// kernel is the set as the library describes it. A rule of the same transaction
// finds it by its name; the library would count ids in a variable that all share.
func (s Set) kernel() *nftables.Set {
	set := &nftables.Set{Table: groupTable(), Name: s.Name, Interval: true, KeyType: nftables.TypeIPAddr, ID: 1}
	if s.Six {
		set.KeyType = nftables.TypeIP6Addr
	}
	return set
}

// addSet adds a set with its elements.
func (tx *transaction) addSet(s Set) {
	tx.add(func(c *nftables.Conn) {
		if err := c.AddSet(s.kernel(), nil); err != nil {
			tx.err = say.Errorf("add set %s: %w", s.Name, err)
		}
	})
	tx.addElements(s, s.Ranges)
}

func (tx *transaction) addElements(s Set, ranges []Range) {
	for chunk := range slices.Chunk(ranges, chunkElements/2) {
		tx.add(func(c *nftables.Conn) {
			if err := c.SetAddElements(s.kernel(), elements(chunk)); err != nil {
				tx.err = say.Errorf("add to set %s: %w", s.Name, err)
			}
		})
	}
}

// updateSet gives a set other elements: no packet sees it without those that stay.
func (tx *transaction) updateSet(s Set) {
	tx.add(func(c *nftables.Conn) { c.FlushSet(s.kernel()) })
	tx.addElements(s, s.Ranges)
}

// addSets makes the sets that are not there yet, in as few transactions as hold
// them. t.mu is held.
func (t *Table) addSets(sets []Set) error {
	const perRange = 128 // bytes, generously
	most := max(t.room/perRange, 1)
	tx, held := newTransaction(), 0
	var fresh []Set
	for _, s := range sets {
		if _, there := t.inForce.set(s.Name); there {
			continue
		}
		fresh = append(fresh, s)
		tx.addSet(Set{Name: s.Name, Six: s.Six})
		for chunk := range slices.Chunk(s.Ranges, most) {
			if held += len(chunk); held > most {
				if err := t.commit(tx); err != nil {
					return err
				}
				tx, held = newTransaction(), len(chunk)
			}
			tx.addElements(s, chunk)
		}
	}
	if err := t.commit(tx); err != nil {
		return err
	}
	// What fails later must not make them twice.
	t.inForce.Sets = slices.Concat(t.inForce.Sets, fresh)
	return t.verifySets(fresh)
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

// verifySets reads back how much of each set has arrived.
func (t *Table) verifySets(sets []Set) error {
	if len(sets) == 0 {
		return nil
	}
	return t.read(func(c *nftables.Conn) error {
		for _, s := range sets {
			there, err := c.GetSetElements(s.kernel())
			if err != nil {
				return say.Errorf("read back set %s: %w", s.Name, err)
			}
			if want := len(elements(s.Ranges)); len(there) != want {
				return say.Errorf("read back set %s: %d of %d elements", s.Name, len(there), want)
			}
		}
		return nil
	})
}
