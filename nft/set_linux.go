package nft

import (
	"slices"

	"github.com/google/nftables"

	"lablab/say"
)

// chunkElements is how many elements one message may have, since a message cannot exceed 64 KB. The
// library would truncate a long list without an error.
const chunkElements = 500

// kernel returns the set in the library's form. A rule of the same transaction finds it by name; to
// use ids, the library would count them in a global variable.
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

// updateSet changes the elements of a set: elements that stay are there for every packet.
func (tx *transaction) updateSet(s Set) {
	tx.add(func(c *nftables.Conn) { c.FlushSet(s.kernel()) })
	tx.addElements(s, s.Ranges)
}

// addSets creates the sets that do not exist yet, in as few transactions as possible. t.mu is held.
func (t *Table) addSets(sets []Set) error {
	const perRange = 128 // bytes, a generous estimate
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
	// A later failure must not lead to creating them twice.
	t.inForce.Sets = slices.Concat(t.inForce.Sets, fresh)
	return t.verifySets(fresh)
}

// elements converts ranges to the kernel's form: the start of each range, and the first address
// after it.
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

// verifySets reads back how many elements of each set have arrived.
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
