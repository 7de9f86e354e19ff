package flow

import (
	"net/netip"
	"testing"

	"lablab/packet"
)

// Packets of a flow are recognized behind hosts that masquerade it, in both directions.
func TestTranslations(t *testing.T) {
	addr := netip.MustParseAddr
	key := func(from, to string, fromPort, toPort uint16) packet.Key {
		return packet.Key{Protocol: packet.UDP, Source: addr(from), Destination: addr(to), SourcePort: fromPort, DestinationPort: toPort}
	}
	echo := func(from, to string, id uint16, kind uint8) packet.Key {
		return packet.Key{Protocol: packet.ICMP, Source: addr(from), Destination: addr(to), ICMPID: id, ICMPType: kind}
	}
	var known Translations
	for _, e := range []struct {
		Entry
		translated bool
	}{
		{Entry{Orig: key("10.0.0.1", "10.0.0.9", 4000, 53), Reply: key("10.0.0.9", "10.0.0.1", 53, 4000)}, false},
		{Entry{Orig: key("10.0.0.1", "10.0.0.9", 4000, 53), Reply: key("10.0.0.9", "10.0.0.2", 53, 5000)}, true},
		{Entry{Orig: key("10.0.0.2", "10.0.0.9", 5000, 53), Reply: key("10.0.0.9", "10.0.0.3", 53, 5000)}, true},
		{Entry{Orig: echo("10.0.0.1", "10.0.0.9", 7, 8), Reply: echo("10.0.0.9", "10.0.0.1", 7, 0)}, false},
		{Entry{Orig: echo("10.0.0.1", "10.0.0.9", 7, 8), Reply: echo("10.0.0.9", "10.0.0.2", 9, 0)}, true},
	} {
		if got := known.Add(e.Entry); got != e.translated {
			t.Errorf("%s: replaced %v, want %v", e.Orig, got, e.translated)
		}
	}
	for seen, want := range map[packet.Key]packet.Key{
		key("10.0.0.2", "10.0.0.9", 5000, 53): key("10.0.0.1", "10.0.0.9", 4000, 53),
		key("10.0.0.3", "10.0.0.9", 5000, 53): key("10.0.0.1", "10.0.0.9", 4000, 53), // through two of them
		key("10.0.0.9", "10.0.0.3", 53, 5000): key("10.0.0.9", "10.0.0.1", 53, 4000),
		key("10.0.0.3", "10.0.0.9", 5001, 53): key("10.0.0.3", "10.0.0.9", 5001, 53),
		echo("10.0.0.2", "10.0.0.9", 9, 8):    echo("10.0.0.1", "10.0.0.9", 7, 8),
		echo("10.0.0.9", "10.0.0.2", 9, 0):    echo("10.0.0.9", "10.0.0.1", 7, 0),
	} {
		if got := known.Before(seen); got != want {
			t.Errorf("%s was %s, want %s", seen, got, want)
		}
	}
}
