package nft

import (
	"net/netip"
	"testing"

	"lablab/enforce"
	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
	"lablab/sg"
)

func exampleRules() enforce.Host {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	h := host([]sg.Rule{
		{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Peer: everywhere},
		{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")},
	}, []sg.Rule{{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}})
	h.AlwaysTracked = true
	return h
}

func BenchmarkFlip(b *testing.B) {
	n, err := ns.New()
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	flip(b, install(b, n, exampleRules()), without(compile(b, exampleRules()), "icmp"), compile(b, exampleRules()))
}

// flip changes from one list of tables to another and back.
func flip(b *testing.B, f *Firewall, there, back []ruleset.Table) {
	for b.Loop() {
		for _, to := range [][]ruleset.Table{there, back} {
			if err := f.Change(to); err != nil {
				b.Fatal(err)
			}
		}
	}
}
