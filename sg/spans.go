package sg

import (
	"net/netip"
	"slices"
)

// A span is the addresses from first to last, of one version of IP.
type span struct{ first, last netip.Addr }

// spansOf returns the addresses of prefixes as few spans, in order.
func spansOf(prefixes []netip.Prefix) []span {
	spans := make([]span, 0, len(prefixes))
	for _, p := range prefixes {
		b := p.Addr().AsSlice()
		for i := p.Bits(); i < len(b)*8; i++ {
			b[i/8] |= 0x80 >> (i % 8)
		}
		last, _ := netip.AddrFromSlice(b)
		spans = append(spans, span{p.Masked().Addr(), last})
	}
	slices.SortFunc(spans, func(a, b span) int { return a.first.Compare(b.first) })
	var joined []span
	for _, s := range spans {
		n := len(joined)
		if n > 0 && joined[n-1].last.BitLen() == s.first.BitLen() && (s.first.Compare(joined[n-1].last) <= 0 || s.first == joined[n-1].last.Next()) {
			if s.last.Compare(joined[n-1].last) > 0 {
				joined[n-1].last = s.last
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// minus returns the addresses of spans that are not in others. Both are in order.
func minus(spans, others []span) []span {
	var left []span
	for _, s := range spans {
		for _, o := range others {
			if o.first.BitLen() != s.first.BitLen() || o.last.Compare(s.first) < 0 || o.first.Compare(s.last) > 0 {
				continue
			}
			if o.first.Compare(s.first) > 0 {
				left = append(left, span{s.first, o.first.Prev()})
			}
			if o.last.Compare(s.last) >= 0 {
				s.first = netip.Addr{}
				break
			}
			s.first = o.last.Next()
		}
		if s.first.IsValid() {
			left = append(left, s)
		}
	}
	return left
}

// within returns the addresses that are in both, of one version of IP if that is wanted.
func within(spans, others []span, versions ...int) []span {
	var both []span
	for _, s := range spans {
		if len(versions) > 0 && !slices.Contains(versions, s.first.BitLen()) {
			continue
		}
		i, _ := slices.BinarySearchFunc(others, s.first, func(o span, first netip.Addr) int { return o.last.Compare(first) })
		for _, o := range others[i:] {
			if o.first.BitLen() != s.first.BitLen() || o.first.Compare(s.last) > 0 {
				break
			}
			both = append(both, span{later(s.first, o.first), earlier(s.last, o.last)})
		}
	}
	return both
}

func later(a, b netip.Addr) netip.Addr {
	if a.Compare(b) > 0 {
		return a
	}
	return b
}

func earlier(a, b netip.Addr) netip.Addr {
	if a.Compare(b) < 0 {
		return a
	}
	return b
}

// some returns one of the addresses: one from the ranges for documentation if it is there, otherwise
// the second of a span, since the first is often a network's own.
func some(spans []span) netip.Addr {
	for _, usual := range []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")} {
		if len(within(spans, []span{{usual, usual}})) > 0 {
			return usual
		}
	}
	for _, s := range spans {
		if s.first != s.last {
			return s.first.Next()
		}
	}
	return spans[0].first
}
