package report

import (
	"net/netip"
	"testing"

	"lablab/packet"
	"lablab/timeline"
)

// A router has an interface in each of its networks; beyond another router is what that leads to.
func TestInterfaces(t *testing.T) {
	all := interfacesOf([]timeline.Host{
		{Name: "left", Address: netip.MustParsePrefix("10.1.0.1/16"), Second: netip.MustParsePrefix("10.2.0.1/16"), Routes: map[netip.Prefix]string{
			netip.MustParsePrefix("10.3.0.0/16"): "right", netip.MustParsePrefix("0.0.0.0/0"): "client",
		}},
		{Name: "right", Address: netip.MustParsePrefix("10.3.0.1/16"), Second: netip.MustParsePrefix("10.2.0.2/16")},
		{Name: "client", Address: netip.MustParsePrefix("10.1.0.9/16")},
		{Name: "a host", Address: netip.MustParsePrefix("10.1.0.8/16")},
	})
	for _, x := range []struct {
		host         string
		direction    packet.Direction
		forwarded    bool
		source, dest string
		want         string
	}{
		{"left", packet.Ingress, false, "10.2.0.7", "10.1.0.1", "eni-left"}, // for its first address, wherever it comes from
		{"left", packet.Egress, false, "10.2.0.1", "192.0.2.1", "eni-left-2"},
		{"left", packet.Ingress, true, "10.1.0.9", "10.3.0.9", "eni-left"},
		{"left", packet.Egress, true, "10.1.0.9", "10.2.0.9", "eni-left-2"},
		{"left", packet.Egress, true, "10.1.0.9", "10.3.0.9", "eni-left-2"}, // beyond the other router
		{"left", packet.Egress, true, "10.2.0.9", "192.0.2.1", "eni-left"},  // the default route
		{"left", packet.Ingress, true, "10.3.0.9", "10.1.0.9", "eni-left-2"},
		{"right", packet.Egress, true, "10.3.0.9", "192.0.2.1", "eni-right"}, // no route: the first
		{"a host", packet.Egress, false, "10.1.0.8", "10.1.0.9", "eni-a_host"},
	} {
		j := timeline.Judged{Host: x.host, Direction: x.direction, Forwarded: x.forwarded, Packet: packet.Header{
			Source: netip.MustParseAddr(x.source), Destination: netip.MustParseAddr(x.dest),
		}}
		if got := all.of(j); got == nil || got.id != x.want {
			t.Errorf("%s %s %s > %s: got %+v, want %s", x.host, x.direction, x.source, x.dest, got, x.want)
		}
	}
	if got := all.of(timeline.Judged{Host: "nobody"}); got != nil {
		t.Errorf("an interface of no host: %+v", got)
	}
}
