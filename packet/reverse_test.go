package packet

import (
	"net/netip"
	"testing"
)

func TestReversed(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for _, c := range []struct{ there, back Key }{
		{Key{Protocol: TCP, Source: a, Destination: b, SourcePort: 1, DestinationPort: 2}, Key{Protocol: TCP, Source: b, Destination: a, SourcePort: 2, DestinationPort: 1}},
		{Key{Protocol: ICMP, Source: a, Destination: b, ICMPType: 8, ICMPID: 7}, Key{Protocol: ICMP, Source: b, Destination: a, ICMPType: 0, ICMPID: 7}},
		{Key{Protocol: ICMP, Source: a, Destination: b, ICMPType: 13}, Key{Protocol: ICMP, Source: b, Destination: a, ICMPType: 14}},
		{Key{Protocol: ICMPv6, Source: a, Destination: b, ICMPType: 128}, Key{Protocol: ICMPv6, Source: b, Destination: a, ICMPType: 129}},
		{Key{Protocol: ICMP, Source: a, Destination: b, ICMPType: 3}, Key{Protocol: ICMP, Source: b, Destination: a, ICMPType: 3}},
	} {
		if got := c.there.Reversed(); got != c.back {
			t.Errorf("%v reversed is %v, want %v", c.there, got, c.back)
		}
		if got := c.back.Reversed(); got != c.there {
			t.Errorf("%v reversed is %v, want %v", c.back, got, c.there)
		}
	}
}
