package ruleset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A SetType is what a set contains, in the words of nft(8).
type SetType string

// The types of sets.
const (
	IPv4  SetType = "ipv4_addr"
	IPv6  SetType = "ipv6_addr"
	Marks SetType = "mark"
)

// A Set is a named set of addresses of one version of IP, or of marks.
type Set struct {
	Name   string
	Type   SetType
	Ranges []Range  // of addresses: sorted, neither overlapping nor adjacent
	Marks  []uint32 // sorted
}

// SameMembers reports whether both have the same elements.
func (s Set) SameMembers(o Set) bool {
	return slices.Equal(s.Ranges, o.Ranges) && slices.Equal(s.Marks, o.Marks)
}

// Lines returns what nft(8) prints between the braces of the set.
func (s Set) Lines() []string {
	lines := []string{"type " + string(s.Type)}
	if s.Type != Marks {
		lines = append(lines, "flags interval")
	}
	if text := s.Elements(); text != "" {
		lines = append(lines, "elements = "+text)
	}
	return lines
}

// Elements returns the elements in braces, or "" if the set is empty.
func (s Set) Elements() string {
	texts := make([]string, 0, len(s.Ranges)+len(s.Marks))
	for _, r := range s.Ranges {
		texts = append(texts, r.String())
	}
	for _, m := range s.Marks {
		texts = append(texts, number(m))
	}
	if len(texts) == 0 {
		return ""
	}
	return "{ " + strings.Join(texts, ", ") + " }"
}

// A Range is the addresses from First to Last.
type Range struct{ First, Last netip.Addr }

// RangeOf returns the addresses of a prefix.
func RangeOf(p netip.Prefix) Range {
	first := p.Masked().Addr()
	if first.Is4() {
		b := first.As4()
		fill(b[:], p.Bits())
		return Range{first, netip.AddrFrom4(b)}
	}
	b := first.As16()
	fill(b[:], p.Bits())
	return Range{first, netip.AddrFrom16(b)}
}

// fill sets all bits of an address but the first ones.
func fill(address []byte, first int) {
	for i := first; i < len(address)*8; i++ {
		address[i/8] |= 0x80 >> (i % 8)
	}
}

// Prefix returns the range as a prefix, if it is one.
func (r Range) Prefix() (p netip.Prefix, is bool) {
	for bits := r.First.BitLen(); bits >= 0; bits-- {
		if p := netip.PrefixFrom(r.First, bits); RangeOf(p) == r {
			return p, true
		}
	}
	return p, false
}

// String returns the range as nft(8) prints it: an address, a prefix or both ends.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	if p, is := r.Prefix(); is {
		return p.String()
	}
	return fmt.Sprintf("%s-%s", r.First, r.Last)
}

// Join returns the same addresses in order, in as few ranges as possible: the kernel rejects sets
// with overlapping ranges.
func Join(ranges ...Range) []Range {
	ranges = slices.SortedFunc(slices.Values(ranges), func(a, b Range) int { return a.First.Compare(b.First) })
	var disjoint []Range
	for _, r := range ranges {
		if n := len(disjoint); n > 0 && (r.First.Compare(disjoint[n-1].Last) <= 0 || r.First == disjoint[n-1].Last.Next()) {
			if r.Last.Compare(disjoint[n-1].Last) > 0 {
				disjoint[n-1].Last = r.Last
			}
			continue
		}
		disjoint = append(disjoint, r)
	}
	return disjoint
}
