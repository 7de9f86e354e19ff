package lab

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/packet"
	"lablab/scenario"
)

// What is read in any order is recorded with each cause before its effect, and nothing waits longer
// than a round.
func TestOrderOfRecord(t *testing.T) {
	hosts := []*Host{{Host: scenario.Host{Name: "A", Address: netip.MustParsePrefix("10.0.0.1/24")}}, {Host: scenario.Host{Name: "B", Address: netip.MustParsePrefix("10.0.0.2/24")}}}
	verdict := func(d packet.Direction, from, to int, seq uint16, accepted bool) nft.Verdict {
		source, destination := hosts[from].Address.Addr(), hosts[to].Address.Addr()
		return nft.Verdict{Direction: d, Accepted: accepted, Packet: packet.Header{Protocol: packet.ICMP, Source: source, Destination: destination, EchoSeq: seq}}
	}
	const a, b = 0, 1
	leaves := func(from, to int, seq uint16) nft.Verdict { return verdict(packet.Egress, from, to, seq, true) }
	arrives := func(from, to int, seq uint16) nft.Verdict { return verdict(packet.Ingress, from, to, seq, true) }
	type reads map[int][]any
	for _, test := range []struct {
		name   string
		rounds []reads
		want   []string
	}{
		{"the receiver is read first", []reads{{a: {arrives(b, a, 1), leaves(a, b, 1)}, b: {leaves(b, a, 1), arrives(a, b, 1)}}}, []string{"B>1 A<1 A>1 B<1"}},
		{"the sender is read in the next round", []reads{{b: {arrives(a, b, 1)}}, {a: {leaves(a, b, 1)}}}, []string{"", "A>1 B<1"}},
		{
			"what waits does not overtake", []reads{{b: {arrives(a, b, 1), leaves(b, a, 2)}}, {a: {arrives(b, a, 2), leaves(a, b, 3), leaves(a, b, 1)}, b: {arrives(a, b, 3)}}},
			[]string{"", "B<1 B>2 A<2 A>3 A>1 B<3"}, // impossible as a whole: the first arrival gives way
		},
		{"a departure was lost", []reads{{b: {arrives(a, b, 1)}}, {}}, []string{"", "B<1"}},
		{"many were lost", []reads{{b: {arrives(a, b, 1), arrives(a, b, 2), arrives(a, b, 3)}}, {}}, []string{"", "B<1 B<2 B<3"}},
		{"a dropped packet does not arrive", []reads{{a: {verdict(packet.Egress, a, b, 1, false)}, b: {arrives(a, b, 1)}}}, []string{"A>1"}},
		{"sent twice, arrives twice", []reads{{a: {leaves(a, b, 1), leaves(a, b, 1)}, b: {arrives(a, b, 1), arrives(a, b, 1)}}}, []string{"A>1 A>1 B<1 B<1"}},
		{"an event is behind the verdicts", []reads{{a: {conntrack.Event{Change: flow.New}, leaves(a, b, 1)}, b: {conntrack.Event{Change: flow.New}, arrives(a, b, 1)}}}, []string{"A>1 A! B<1 B!"}},
		{"and waits with them", []reads{{b: {arrives(a, b, 1), conntrack.Event{Change: flow.New}}}, {a: {leaves(a, b, 1)}}}, []string{"", "A>1 B<1 B!"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			o := newOrder(hosts, newRecorder(nil))
			o.judged = func(host string, v nft.Verdict) {
				got = append(got, host+map[packet.Direction]string{packet.Egress: ">", packet.Ingress: "<"}[v.Direction]+string(rune('0'+v.Packet.EchoSeq)))
			}
			o.changed = func(host string, _ conntrack.Event) { got = append(got, host+"!") }
			var all []string
			for _, round := range test.rounds {
				got = nil
				for host, list := range round {
					for _, r := range list {
						switch r := r.(type) {
						case nft.Verdict:
							o.queues[host].verdict(r)
						case conntrack.Event:
							o.queues[host].event(r)
						}
					}
				}
				o.rounded()
				all = append(all, strings.Join(got, " "))
			}
			if diff := cmp.Diff(test.want, all); diff != "" {
				t.Errorf("recorded by round, want (-), got (+):\n%s", diff)
			}
		})
	}
}
