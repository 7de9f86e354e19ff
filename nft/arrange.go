package nft

import (
	"cmp"
	"slices"

	"lablab/nft/ruleset"
)

// arrange returns the rules of a chain in the order in which the kernel is to have them, with the
// place in from of each that stays there, or -1. A rule that stays keeps its handle and its counter;
// if it has a key, its statements may change. Rules that stay are in the same order before and after.
func arrange(from, to []ruleset.Rule) (rules []ruleset.Rule, origin []int) {
	origin = match(from, to)
	rules = slices.Clone(to)
	for start := 0; start < len(to); start++ {
		end := start
		for end < len(to) && to[end].AnyOrder {
			end++
		}
		if end > start {
			staysFirst(rules[start:end], origin[start:end])
			start = end
		}
	}
	for i, kept := range increasing(origin) {
		if !kept {
			origin[i] = -1
		}
	}
	return rules, origin
}

// staysFirst sorts rules whose order does not matter: those that stay are in their old order, and new
// ones come last.
func staysFirst(rules []ruleset.Rule, origin []int) {
	order := make([]int, len(rules))
	for i := range order {
		order[i] = i
	}
	place := func(i int) uint { return uint(origin[i]) } // -1 becomes the greatest
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(place(a), place(b)) })
	sorted, places := make([]ruleset.Rule, len(rules)), make([]int, len(rules))
	for i, was := range order {
		sorted[i], places[i] = rules[was], origin[was]
	}
	copy(rules, sorted)
	copy(origin, places)
}

// A ruleName is what rules that may be the same have in common.
type ruleName struct {
	keyed  bool
	name   string // the key or the comment
	number uint32
}

func nameOf(r *ruleset.Rule) ruleName {
	if r.Key != "" {
		return ruleName{keyed: true, name: r.Key}
	}
	return ruleName{name: r.Comment, number: r.By.Number}
}

// match returns for each rule which one of from it is, or -1.
func match(from, to []ruleset.Rule) []int {
	origin := make([]int, len(to))
	first := 0
	for first < min(len(from), len(to)) && from[first].Equal(to[first]) {
		origin[first] = first
		first++
	}
	last, shift := len(to), len(from)-len(to)
	for last > first && last+shift > first && from[last+shift-1].Equal(to[last-1]) {
		last--
		origin[last] = last + shift
	}
	free := freeRules(from, first, last+shift)
	for i := first; i < last; i++ {
		origin[i] = free.take(&to[i])
	}
	return origin
}

// free are rules that no other has been found to be yet.
type free struct {
	rules []ruleset.Rule
	first map[ruleName]int // with a name, or -1
	next  []int            // behind each, with the same name
}

func freeRules(rules []ruleset.Rule, start, end int) free {
	f := free{rules, make(map[ruleName]int, end-start), make([]int, end)}
	for i := end - 1; i >= start; i-- {
		next, found := f.first[nameOf(&rules[i])]
		if !found {
			next = -1
		}
		f.next[i], f.first[nameOf(&rules[i])] = next, i
	}
	return f
}

// take returns the first rule that is this one, or -1.
func (f free) take(r *ruleset.Rule) int {
	name := nameOf(r)
	at, found := f.first[name]
	if !found {
		return -1
	}
	before := -1
	for at >= 0 && r.Key == "" && !f.rules[at].Equal(*r) {
		before, at = at, f.next[at]
	}
	switch {
	case at < 0:
	case before < 0:
		f.first[name] = f.next[at]
	default:
		f.next[before] = f.next[at]
	}
	return at
}

// increasing says which numbers belong to a longest increasing subsequence; -1 never does.
func increasing(list []int) []bool {
	var ends []int // where the best subsequence of each length ends
	before := make([]int, len(list))
	for i, n := range list {
		if n < 0 {
			continue
		}
		length, _ := slices.BinarySearchFunc(ends, n, func(end, n int) int { return cmp.Compare(list[end], n) })
		before[i] = -1
		if length > 0 {
			before[i] = ends[length-1]
		}
		if length == len(ends) {
			ends = append(ends, i)
		}
		ends[length] = i
	}
	in := make([]bool, len(list))
	if len(ends) > 0 {
		for at := ends[len(ends)-1]; at >= 0; at = before[at] {
			in[at] = true
		}
	}
	return in
}
