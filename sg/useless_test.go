package sg

import (
	"strings"
	"testing"

	"lablab/packet"
)

// What no packet can match is said; what is merely unusual is not.
func TestNeverMatches(t *testing.T) {
	for _, test := range []struct {
		protocol packet.Protocol
		kind     int
		code     int
		want     string
	}{
		{packet.ICMP, 8, 8, "an echo request has code 0; for ping: --port 8--1"},
		{packet.ICMP, 8, 0, ""},
		{packet.ICMP, 8, Any, ""},
		{packet.ICMP, Any, Any, ""},
		{packet.ICMP, 0, 8, "icmp type 0 has no code 8"},
		{packet.ICMP, 3, 4, ""},
		{packet.ICMP, 3, 16, "icmp type 3 has no code 16"},
		{packet.ICMP, 9, 16, ""},
		{packet.ICMP, 11, 1, ""},
		{packet.ICMP, 22, Any, "icmp type 22 is not assigned"},
		{packet.ICMP, 128, Any, "icmp type 128 is not assigned"},
		{packet.ICMPv6, 128, 0, ""},
		{packet.ICMPv6, 128, 8, "icmpv6 type 128 has no code 8"},
		{packet.ICMPv6, 8, Any, "ICMPv6 has no type 8; its echo request is type 128"},
		{packet.ICMPv6, 2, 0, ""},
		{packet.TCP, 8, 8, ""},
	} {
		peer := "10.0.0.0/8"
		if test.protocol == packet.ICMPv6 {
			peer = "2001:db8::/32"
		}
		for _, r := range []Rule{rule("r", test.protocol, test.kind, test.code, peer), {Protocol: test.protocol, From: test.kind, To: test.code, PrefixList: "pl-1"}} {
			got := r.neverMatches().String()
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("%s: got %q, want %q", r, got, test.want)
			}
		}
	}
}

func TestWiderThan(t *testing.T) {
	of := func(p packet.Protocol, from, to int, peer string) Rule { return rule("", p, from, to, peer) }
	list := Rule{Protocol: packet.TCP, From: 1, To: 9, PrefixList: "pl-1"}
	inList := Rule{Protocol: packet.TCP, From: 5, To: 5, PrefixList: "pl-1"}
	for _, test := range []struct {
		wide, narrow Rule
		want         bool
	}{
		{of(packet.All, Any, Any, "10.0.0.0/8"), of(packet.TCP, 22, 22, "10.1.0.0/16"), true},
		{of(packet.All, Any, Any, "0.0.0.0/0"), of(packet.TCP, 22, 22, "2001:db8::/32"), false},
		{of(packet.TCP, 20, 30, "10.0.0.0/8"), of(packet.TCP, 22, 30, "10.0.0.0/8"), true},
		{of(packet.TCP, 20, 30, "10.0.0.0/8"), of(packet.TCP, 22, 31, "10.0.0.0/8"), false},
		{of(packet.TCP, 20, 30, "10.0.0.0/8"), of(packet.UDP, 22, 22, "10.0.0.0/8"), false},
		{of(packet.TCP, 20, 30, "10.0.0.0/8"), of(packet.All, Any, Any, "10.0.0.0/8"), false},
		{of(packet.TCP, 0, 65535, "10.0.0.0/8"), of(packet.TCP, Any, Any, "10.0.0.0/9"), true},
		{of(packet.TCP, 1, 65535, "10.0.0.0/8"), of(packet.TCP, Any, Any, "10.0.0.0/9"), false},
		{of(packet.TCP, 22, 22, "10.0.0.0/9"), of(packet.TCP, 22, 22, "10.0.0.0/8"), false},
		{of(packet.ICMP, 8, Any, "10.0.0.0/8"), of(packet.ICMP, 8, 0, "10.0.0.0/8"), true},
		{of(packet.ICMP, 3, 4, "10.0.0.0/8"), of(packet.ICMP, 3, Any, "10.0.0.0/8"), false},
		{of(packet.ICMP, Any, Any, "10.0.0.0/8"), of(packet.ICMP, 3, 4, "10.0.0.0/8"), true},
		{of(47, Any, Any, "10.0.0.0/8"), of(47, Any, Any, "10.0.0.1/32"), true},
		{list, inList, true},
		{inList, list, false},
		{list, of(packet.TCP, 5, 5, "10.0.0.0/8"), false},
		{of(packet.TCP, 1, 9, "0.0.0.0/0"), inList, false}, // the list may be of IPv6
	} {
		wider, got := widerThan(test.narrow, []Rule{test.narrow, test.wide})
		if got != test.want || got && wider != test.wide {
			t.Errorf("%s within %s: %v", test.narrow, test.wide, got)
		}
	}
}
