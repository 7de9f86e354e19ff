package nft

import (
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"lablab/nft/ruleset"
	"lablab/say"
)

// kernelSet returns a set in the library's form. A rule of the same transaction finds it by name; to
// use ids, the library would count them in a global variable.
func kernelSet(table string, s ruleset.Set) *nftables.Set {
	set := &nftables.Set{Table: kernelTable(table), Name: s.Name, Interval: true, KeyType: nftables.TypeIPAddr, ID: 1}
	switch s.Type {
	case ruleset.IPv6:
		set.KeyType = nftables.TypeIP6Addr
	case ruleset.Marks:
		set.KeyType, set.Interval, set.KeyByteOrder = nftables.TypeMark, false, binaryutil.NativeEndian
	}
	return set
}

// elements converts members to the kernel's form: marks, or the start of each range of addresses and
// the first address after it.
func elements(s ruleset.Set) []nftables.SetElement {
	var list []nftables.SetElement
	for _, r := range s.Ranges {
		list = append(list, nftables.SetElement{Key: r.First.AsSlice()})
		if end := r.Last.Next(); end.IsValid() {
			list = append(list, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	for _, m := range s.Marks {
		list = append(list, nftables.SetElement{Key: native(m)})
	}
	return list
}

// verifySets reads back how many elements of each set have arrived. f.mu is held.
func (f *Firewall) verifySets(sets []setSite) error {
	if len(sets) == 0 {
		return nil
	}
	return f.read(func(c *nftables.Conn) error {
		for _, s := range sets {
			set, _ := setNamed(table(f.inForce, s.table).Sets, s.set)
			there, err := c.GetSetElements(kernelSet(s.table, set))
			if err != nil {
				return say.Errorf("read back set %s: %w", s.set, err)
			}
			if got, want := distinct(there), len(elements(set)); got != want {
				return say.Errorf("read back set %s: %d of %d elements", s.set, got, want)
			}
		}
		return nil
	})
}

// distinct returns the number of different elements: the kernel may list some twice while it makes room
// for more (lib/rhashtable.c, rhashtable_walk_start).
func distinct(list []nftables.SetElement) int {
	type element struct {
		key, end string
		boundary bool
	}
	all := map[element]bool{}
	for _, e := range list {
		all[element{string(e.Key), string(e.KeyEnd), e.IntervalEnd}] = true
	}
	return len(all)
}
