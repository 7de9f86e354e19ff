package ruleset

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestJoinedRangesHaveTheSameMembers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var prefixes []netip.Prefix
		var all []Range
		for range random.IntN(12) {
			address := netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(2)), byte(random.IntN(256))})
			p := netip.PrefixFrom(address, 22+random.IntN(11))
			prefixes, all = append(prefixes, p), append(all, RangeOf(p))
		}
		ranges := Join(all...)
		for i, r := range ranges {
			if r.Last.Less(r.First) || i > 0 && r.First.Compare(ranges[i-1].Last.Next()) <= 0 {
				t.Fatalf("%v: ranges %v overlap or touch", prefixes, ranges)
			}
		}
		for host := range 1024 {
			address := netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)})
			naive, joined := false, false
			for _, p := range prefixes {
				naive = naive || p.Contains(address)
			}
			for _, r := range ranges {
				joined = joined || r.First.Compare(address) <= 0 && address.Compare(r.Last) <= 0
			}
			if naive != joined {
				t.Fatalf("%v: %s is a member: %v; of %v: %v", prefixes, address, naive, ranges, joined)
			}
		}
	}
}

// A range prints as nft(8) prints it.
func TestRange(t *testing.T) {
	for _, c := range []struct{ first, last, want string }{
		{"10.0.0.1", "10.0.0.1", "10.0.0.1"},
		{"10.0.0.0", "10.0.0.255", "10.0.0.0/24"},
		{"10.0.0.0", "10.0.1.0", "10.0.0.0-10.0.1.0"},
		{"10.0.0.1", "10.0.0.2", "10.0.0.1-10.0.0.2"},
		{"0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
		{"2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/33"},
	} {
		if got := (Range{netip.MustParseAddr(c.first), netip.MustParseAddr(c.last)}).String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
