package plan

import (
	"net/netip"
	"slices"

	"lablab/sg"
)

func (b *builder) createList(r *resource) []Call {
	all, err := prefixes(r.after.blocks("entry"))
	r.note(err)
	most, _ := r.after.number("max_entries")
	list := sg.PrefixList{ID: b.id(r), Name: r.after.text("name"), AddressFamily: r.after.text("address_family"), Entries: all, Known: true, MaxEntries: most}
	return []Call{b.wanting(r, "CreateManagedPrefixList", createList{list})}
}

func (b *builder) deleteList(r *resource) []Call {
	return []Call{b.call(r, "DeleteManagedPrefixList", deleteList{r.before.text("id")})}
}

// entryChanges returns the entries of a prefix list that go, come, and change their description only.
func (b *builder) entryChanges(r *resource) (remove, add, redescribed []netip.Prefix) {
	described := func(v values) map[netip.Prefix]string {
		all := map[netip.Prefix]string{}
		for _, block := range v.blocks("entry") {
			if list, err := prefixes([]values{block}); err != nil {
				r.note(err)
			} else {
				all[list[0]] = block.text("description")
			}
		}
		return all
	}
	was, is := described(r.before), described(r.after)
	for p, text := range was {
		if now, stays := is[p]; !stays {
			remove = append(remove, p)
		} else if now != text {
			redescribed = append(redescribed, p)
		}
	}
	for p := range is {
		if _, there := was[p]; !there {
			add = append(add, p)
		}
	}
	for _, list := range [][]netip.Prefix{remove, add, redescribed} {
		slices.SortFunc(list, netip.Prefix.Compare)
	}
	return remove, add, redescribed
}

// removeRedescribed removes entries whose description changes: EC2 rejects a request that removes and
// adds the same range.
func (b *builder) removeRedescribed(r *resource) []Call {
	if _, _, redescribed := b.entryChanges(r); len(redescribed) > 0 {
		return []Call{b.call(r, "ModifyManagedPrefixList", entries{r.before.text("id"), redescribed, nil})}
	}
	return nil
}

func (b *builder) changeEntries(r *resource) []Call {
	if r.after.isUnknown("entry") {
		b.many(r, r.after, "entry")
		return []Call{b.wanting(r, "ModifyManagedPrefixList", entries{list: r.before.text("id")})}
	}
	remove, add, redescribed := b.entryChanges(r)
	add = slices.SortedFunc(slices.Values(slices.Concat(add, redescribed)), netip.Prefix.Compare)
	if len(remove)+len(add) == 0 {
		return nil
	}
	return []Call{b.call(r, "ModifyManagedPrefixList", entries{r.before.text("id"), remove, add})}
}

func (b *builder) addEntry(r *resource) []Call {
	all, err := prefixes([]values{r.after})
	r.note(err)
	return []Call{b.wanting(r, "ModifyManagedPrefixList", entries{b.one(r, r.after, "prefix_list_id"), nil, all})}
}

func (b *builder) removeEntry(r *resource) []Call {
	all, err := prefixes([]values{r.before})
	r.note(err)
	return []Call{b.call(r, "ModifyManagedPrefixList", entries{r.before.text("prefix_list_id"), all, nil})}
}
