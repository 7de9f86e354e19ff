package lab

import (
	"net/netip"
	"testing"

	"lablab/enforce"
	"lablab/packet"
	"lablab/sg"
)

// What conntrack knows of a probe's flow decides before the rules, or leaves it to them.
func TestProbeOfAKnownFlow(t *testing.T) {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	group := &sg.Group{
		ID: "lab",
		Ingress: []sg.Rule{
			{ID: "web", Protocol: packet.TCP, From: 443, To: 443, Peer: everywhere},
			{ID: "unreachable", Protocol: packet.ICMP, From: 3, To: 1, Peer: everywhere},
		},
		Egress: []sg.Rule{{ID: "out", Protocol: packet.TCP, From: 25, To: 25, Peer: netip.MustParsePrefix("10.0.0.0/8")}},
	}
	p := prober(t, enforce.Host{Account: &sg.Account{Groups: []*sg.Group{group}}, Groups: []*sg.Group{group}, Related: enforce.RelatedPMTU})
	own, other := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("203.0.113.7")
	own6, other6 := netip.MustParseAddr("2001:db8::197"), netip.MustParseAddr("2001:db8::7")
	const denied, established, related = packet.DefaultDenyID, packet.EstablishedID, packet.RelatedID
	tcp := func(port uint16) Probe { return Probe{Protocol: packet.TCP, SourcePort: 40000, Port: port} }
	udp := Probe{Protocol: packet.UDP, SourcePort: 40000, Port: 53}
	icmp := func(kind, code uint8) Probe { return Probe{Protocol: packet.ICMP, Type: kind, Code: code} }
	icmp6 := func(kind uint8) Probe { return Probe{Protocol: packet.ICMPv6, Type: kind} }
	var probes []Probe
	var wants []struct {
		rule  string
		state packet.State
	}
	add := func(b Probe, known Known, arriving, leaving, through string, state packet.State) {
		for i, rule := range []string{arriving, leaving, through} {
			if rule == "" {
				continue
			}
			b := b
			b.Known, b.From, b.To = known, other, own
			if b.Protocol == packet.ICMPv6 {
				b.From, b.To = other6, own6
			}
			b.Forward = i == 2
			if b.Egress = i == 1; b.Egress {
				b.From, b.To = b.To, b.From
			}
			if err := b.CheckKnown(); err != nil {
				t.Errorf("%s, %s: %v", b, known, err)
			}
			probes = append(probes, b)
			wants = append(wants, struct {
				rule  string
				state packet.State
			}{rule, state})
		}
	}
	for _, known := range []Known{KnownEstablished, KnownReply} {
		add(tcp(22), known, established, established, established, packet.Established)
		add(udp, known, established, established, established, packet.Established)
		add(Probe{Protocol: 47}, known, established, established, established, packet.Established)
		add(Probe{Protocol: packet.SCTP}, known, established, established, established, packet.Established)
	}
	add(icmp(8, 0), KnownEstablished, established, established, established, packet.Established)
	add(icmp(13, 0), KnownEstablished, established, established, established, packet.Established)
	add(icmp(0, 0), KnownReply, established, established, established, packet.Established)
	add(icmp6(128), KnownEstablished, established, established, established, packet.Established)
	add(icmp6(129), KnownReply, established, established, established, packet.Established)
	add(tcp(443), KnownUntracked, "web", denied, "", packet.Untracked)
	add(tcp(22), KnownUntracked, denied, denied, "", packet.Untracked)
	add(udp, KnownUntracked, denied, denied, "", packet.Untracked)
	add(icmp(3, 4), KnownRelated, related, related, related, packet.Related)
	add(icmp(3, 1), KnownRelated, "unreachable", denied, "unreachable", packet.Related)
	add(icmp(11, 0), KnownRelated, denied, denied, denied, packet.Related)
	add(icmp6(2), KnownRelated, related, related, related, packet.Related)
	add(tcp(443), KnownInvalid, "web", denied, "", packet.Invalid)
	add(tcp(22), KnownInvalid, denied, denied, denied, packet.Invalid)
	add(udp, KnownInvalid, denied, "", denied, packet.Invalid)
	add(icmp(8, 0), KnownInvalid, denied, "", denied, packet.Invalid)
	add(icmp(0, 0), KnownInvalid, denied, denied, denied, packet.Invalid)
	add(icmp6(128), KnownInvalid, denied, "", denied, packet.Invalid)
	add(tcp(22), Unknown, denied, denied, denied, packet.New) // nothing of the known flows is left
	for round := range 2 {
		got, err := p.Ask(t.Context(), probes)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range probes {
			rule := got[i].Rule
			if got[i].Released != "" && got[i].Released != rule && rule != "unreachable" {
				rule = got[i].Released
			}
			if rule != wants[i].rule || got[i].State != wants[i].state {
				t.Errorf("round %d: %s, %s, egress %v, forward %v: %+v, want %+v", round, b, b.Known, b.Egress, b.Forward, got[i], wants[i])
			}
		}
	}
}

// What conntrack can never know is refused.
func TestCheckKnown(t *testing.T) {
	for _, b := range []Probe{
		{Known: KnownEstablished, Protocol: packet.ICMP, Type: 3},
		{Known: KnownEstablished, Protocol: packet.ICMP, Type: 0},
		{Known: KnownReply, Protocol: packet.ICMP, Type: 8},
		{Known: KnownReply, Protocol: packet.ICMPv6, Type: 1},
		{Known: KnownUntracked, Protocol: packet.ICMP, Type: 8},
		{Known: KnownUntracked, Protocol: packet.TCP, Forward: true},
		{Known: KnownUntracked, Protocol: 47},
		{Known: KnownRelated, Protocol: packet.TCP},
		{Known: KnownRelated, Protocol: packet.ICMP, Type: 8},
		{Known: KnownRelated, Protocol: packet.ICMPv6, Type: 128},
		{Known: KnownInvalid, Protocol: 47},
		{Known: KnownInvalid, Protocol: packet.UDP, Egress: true},
		{Known: KnownInvalid, Protocol: packet.ICMP, Type: 8, Egress: true},
	} {
		if err := b.CheckKnown(); err == nil {
			t.Errorf("%+v is possible", b)
		}
	}
}

// Under every model, the kernel does with packets of known and unknown flows what the model says.
func TestProbeUnderEveryModel(t *testing.T) {
	own, other := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("203.0.113.7")
	group := &sg.Group{
		ID: "lab",
		Ingress: []sg.Rule{
			{ID: "web", Protocol: packet.TCP, From: 443, To: 443, Peer: netip.MustParsePrefix("203.0.113.0/24")},
			{ID: "ping", Protocol: packet.ICMP, From: 8, To: sg.Any, Peer: netip.MustParsePrefix("203.0.113.0/24")},
		},
		Egress: []sg.Rule{{ID: "dns", Protocol: packet.UDP, From: 53, To: 53, Peer: netip.MustParsePrefix("0.0.0.0/0")}},
	}
	kinds := []Probe{
		{Protocol: packet.TCP, SourcePort: 40000, Port: 443}, {Protocol: packet.TCP, SourcePort: 443, Port: 40000},
		{Protocol: packet.TCP, SourcePort: 40000, Port: 22}, {Protocol: packet.UDP, SourcePort: 40000, Port: 53},
		{Protocol: packet.UDP, SourcePort: 53, Port: 40000}, {Protocol: packet.ICMP, Type: 8}, {Protocol: packet.ICMP}, {Protocol: packet.ICMP, Type: 3, Code: 4}, {Protocol: 47},
	}
	words := []string{"request-tombstone", "cut-all-strict", "cut-inbound"}
	for _, m := range enforce.Models() {
		words = append(words, m.Traits().Name)
	}
	for _, word := range words {
		t.Run(word, func(t *testing.T) {
			model, err := enforce.Parse(word)
			if err != nil {
				t.Fatal(err)
			}
			host := enforce.Host{Account: &sg.Account{Groups: []*sg.Group{group}}, Groups: []*sg.Group{group}, Model: model.Model, Related: enforce.RelatedPMTU}
			rules := host.Policy()
			var probes []Probe
			for _, b := range kinds {
				for _, b.Egress = range []bool{false, true} {
					b.From, b.To = other, own
					if b.Egress {
						b.From, b.To = own, other
					}
					for _, b.Known = range append(Knowns(), Unknown) {
						untracked := b.Known == KnownUntracked && !model.Traits().Untracks
						odd := b.Known == Unknown && b.Protocol == packet.ICMP && b.Type != 8 // begins no flow
						if b.CheckKnown() == nil && !untracked && !odd {
							probes = append(probes, b)
						}
					}
				}
			}
			got, err := prober(t, host).Ask(t.Context(), probes)
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range probes {
				want := b.Judge(model.Model, rules)
				if got[i].Rule != want.ID || got[i].Admitted != want.Accepted {
					t.Errorf("%s, egress %v, %q: %+v, want %s, accepted: %v", b, b.Egress, b.Known, got[i], want.ID, want.Accepted)
				}
			}
		})
	}
}
