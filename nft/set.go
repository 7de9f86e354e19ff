package nft

import (
	"slices"

	"lablab/nft/ruleset"
)

const (
	// chunkElements is how many elements one message may have, since a message cannot exceed 64 KB. The
	// library would truncate a long list without an error.
	chunkElements = 500
	// bytesPerRange is a generous estimate of what a range takes in a transaction.
	bytesPerRange = 128
)

// A filling is a set of a table whose members change.
type filling struct {
	table    string
	was, set ruleset.Set
}

// move changes the members of sets. If there are several, a packet looked up in two of them might
// match neither; so each set first gets both the old and the new members.
func (p *Plan) move(now []ruleset.Table, sets []filling) []ruleset.Table {
	if len(sets) > 1 {
		var both step
		for _, c := range sets {
			both.fill(c.table, union(c.was, c.set))
			now = withSet(now, c.table, union(c.was, c.set))
		}
		both.after = now
		p.steps = append(p.steps, both)
	}
	if len(sets) > 0 {
		var last step
		for _, c := range sets {
			last.fill(c.table, c.set)
			last.filled = append(last.filled, setSite{c.table, c.set.Name})
			now = withSet(now, c.table, c.set)
		}
		last.after = now
		p.steps = append(p.steps, last)
	}
	return now
}

// fill gives a set other members: those that stay are there for every packet.
func (s *step) fill(table string, set ruleset.Set) {
	s.commands = append(s.commands, flushSet{table, set})
	s.addElements(table, set)
}

func (s *step) addElements(table string, set ruleset.Set) {
	for _, part := range chunks(set, chunkElements/2) {
		s.commands = append(s.commands, addElements{table, part})
	}
}

// addSets creates the sets that do not exist yet, in as few transactions as possible, each with at
// most that many elements. They come before the rules: if they came with them, packets would see the
// rules before the members (seen on Linux 6.18).
func (p *Plan) addSets(now, to []ruleset.Table, most int) []ruleset.Table {
	var s step
	held := 0
	for _, t := range to {
		was, there := named(now, t.Name)
		for _, set := range t.Sets {
			if _, known := setNamed(was.Sets, set.Name); known {
				continue
			}
			if !there {
				there = true
				s.commands = append(s.commands, addTable{t.Name})
			}
			empty := ruleset.Set{Name: set.Name, Type: set.Type}
			s.commands = append(s.commands, addSet{t.Name, empty})
			now = withSet(now, t.Name, empty)
			for _, part := range chunks(set, most) {
				if held += len(part.Ranges) + len(part.Marks); held > most {
					s.after = now
					p.steps = append(p.steps, s)
					s, held = step{}, len(part.Ranges)+len(part.Marks)
				}
				s.addElements(t.Name, part)
				known, _ := setNamed(table(now, t.Name).Sets, set.Name)
				now = withSet(now, t.Name, union(known, part))
			}
			s.filled = append(s.filled, setSite{t.Name, set.Name})
		}
	}
	if len(s.commands) > 0 {
		s.after = now
		p.steps = append(p.steps, s)
	}
	return now
}

// chunks cuts a set into parts of at most that many members.
func chunks(s ruleset.Set, most int) (parts []ruleset.Set) {
	for ranges := range slices.Chunk(s.Ranges, most) {
		parts = append(parts, ruleset.Set{Name: s.Name, Type: s.Type, Ranges: ranges})
	}
	for marks := range slices.Chunk(s.Marks, most) {
		parts = append(parts, ruleset.Set{Name: s.Name, Type: s.Type, Marks: marks})
	}
	return parts
}

// union returns the set with the members of both.
func union(a, b ruleset.Set) ruleset.Set {
	b.Ranges = ruleset.Join(slices.Concat(a.Ranges, b.Ranges)...)
	b.Marks = slices.Compact(slices.Sorted(slices.Values(slices.Concat(a.Marks, b.Marks))))
	return b
}

// withSet returns the tables with a set that replaces that of the same name, or comes last.
func withSet(tables []ruleset.Table, table string, s ruleset.Set) []ruleset.Table {
	tables = slices.Clone(tables)
	i := slices.IndexFunc(tables, func(t ruleset.Table) bool { return t.Name == table })
	if i < 0 {
		i, tables = len(tables), append(tables, ruleset.Table{Name: table})
	}
	sets := slices.Clone(tables[i].Sets)
	j := slices.IndexFunc(sets, func(o ruleset.Set) bool { return o.Name == s.Name })
	if j < 0 {
		j, sets = len(sets), append(sets, s)
	}
	sets[j] = s
	tables[i].Sets = sets
	return tables
}

func table(tables []ruleset.Table, name string) ruleset.Table {
	t, _ := named(tables, name)
	return t
}
