package nft

import (
	"net/netip"
	"testing"

	"lablab/ns"
	"lablab/packet"
	"lablab/sg"
)

func exampleRules() Ruleset {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	return Ruleset{
		Ingress: []Rule{
			{Number: 1, Rule: sg.Rule{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Peer: everywhere}},
			{Number: 2, Rule: sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")}},
		},
		Egress: []Rule{{Number: 3, Rule: sg.Rule{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}}},
	}
}

func BenchmarkFlip(b *testing.B) {
	n, err := ns.New()
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	rules := exampleRules()
	t, err := Install(n, rules)
	if err != nil {
		b.Fatal(err)
	}
	without := rules
	without.Ingress = rules.Ingress[:1]
	for b.Loop() {
		for _, rs := range []Ruleset{without, rules} {
			if err := t.Change(rs); err != nil {
				b.Fatal(err)
			}
		}
	}
}
