package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/packet"
	"lablab/scenario"
	"lablab/timeline"
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
			if diff := cmp.Diff(test.want, recordedIn(o, test.rounds, &got)); diff != "" {
				t.Errorf("recorded by round, want (-), got (+):\n%s", diff)
			}
		})
	}
}

// Behind a host that masquerades, a packet is known by that host's entry. It is recorded after it
// left that host, and before the reply comes back there, whatever is read first.
func TestOrderOfRecordThroughNAT(t *testing.T) {
	hosts := []*Host{
		{Host: scenario.Host{Name: "B", Address: netip.MustParsePrefix("10.1.0.10/16")}},
		{Host: scenario.Host{Name: "N", Address: netip.MustParsePrefix("10.1.0.1/16"), Second: netip.MustParsePrefix("10.2.0.1/16")}},
		{Host: scenario.Host{Name: "W", Address: netip.MustParsePrefix("10.2.0.80/16")}},
	}
	const b, n, w = 0, 1, 2
	networks := (&Lab{hosts: hosts}).networks()
	links := map[string][6]byte{}
	for _, h := range hosts {
		for _, p := range h.ports(networks) {
			links[p.address.Addr().String()] = [6]byte(p.mac())
		}
	}
	key := func(from, to string, fromPort, toPort uint16) packet.Key {
		return packet.Key{Protocol: packet.UDP, Source: netip.MustParseAddr(from), Destination: netip.MustParseAddr(to), SourcePort: fromPort, DestinationPort: toPort}
	}
	verdict := func(d packet.Direction, forwarded bool, k packet.Key, tag uint32, neighbour string) nft.Verdict {
		state := packet.New
		if k.SourcePort == 53 {
			state = packet.Established
		}
		return nft.Verdict{
			Direction: d, Forwarded: forwarded, Accepted: true, State: state, Neighbour: links[neighbour],
			Packet: packet.Header{Protocol: k.Protocol, Source: k.Source, Destination: k.Destination, SourcePort: k.SourcePort, DestinationPort: k.DestinationPort, Tag: tag},
		}
	}
	there, back := key("10.1.0.10", "10.2.0.80", 4000, 53), key("10.2.0.80", "10.1.0.10", 53, 4000)
	thereNAT, backNAT := key("10.2.0.1", "10.2.0.80", 4000, 53), key("10.2.0.80", "10.2.0.1", 53, 4000)
	sent := func(tag uint32) nft.Verdict { return verdict(packet.Egress, false, there, tag, "") }
	in := func(tag uint32) nft.Verdict { return verdict(packet.Ingress, true, there, tag, "10.1.0.10") }
	out := func(tag uint32) nft.Verdict { return verdict(packet.Egress, true, there, tag, "") }
	arrived := func(tag uint32) nft.Verdict { return verdict(packet.Ingress, false, thereNAT, tag, "10.2.0.1") }
	answered := verdict(packet.Egress, false, backNAT, 9, "")
	backIn, backOut := verdict(packet.Ingress, true, back, 9, "10.2.0.80"), verdict(packet.Egress, true, back, 9, "")
	received := verdict(packet.Ingress, false, back, 9, "10.1.0.1")
	entry := conntrack.Event{Change: flow.New, Entry: flow.Entry{Orig: there, Reply: backNAT}}
	for _, test := range []struct {
		name   string
		rounds []reads
		want   []string
	}{
		{
			"at once", []reads{{b: {sent(1), received}, n: {entry, in(1), out(1), backIn, backOut}, w: {arrived(1), answered}}},
			[]string{"B>1 N<1 N>1 N! W<1 W>9 N<9 N>9 B<9"},
		},
		{
			"the entry is read in the next round", []reads{{b: {sent(1), received}, n: {in(1), out(1), backIn, backOut}, w: {arrived(1), answered}}, {n: {entry}}},
			[]string{"B>1 N<1 N>1", "N! W<1 W>9 N<9 N>9 B<9"},
		},
		{
			"and another new packet too", []reads{{b: {sent(1)}, n: {in(1), out(1)}, w: {arrived(1)}}, {b: {sent(2)}, n: {entry, in(2), out(2)}, w: {arrived(2)}}},
			[]string{"B>1 N<1 N>1", "B>2 N! N<2 N>2 W<1 W<2"},
		},
		{
			"the target is read first", []reads{{w: {arrived(1), answered}}, {b: {sent(1), received}, n: {entry, in(1), out(1), backIn, backOut}}},
			[]string{"", "B>1 N<1 N>1 N! W<1 W>9 N<9 N>9 B<9"},
		},
		{
			"the packet does not overtake itself", []reads{{b: {sent(1)}, w: {verdict(packet.Ingress, false, there, 1, "10.2.0.1")}}, {n: {in(1), out(1)}}},
			[]string{"B>1", "N<1 N>1 W<1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			r := newRecorder(timeline.NewLog())
			o := newOrder(hosts, r)
			o.judged = func(host string, v nft.Verdict) {
				got = append(got, fmt.Sprintf("%s%s%d", host, map[packet.Direction]string{packet.Egress: ">", packet.Ingress: "<"}[v.Direction], v.Packet.Tag))
			}
			o.changed = func(host string, e conntrack.Event) {
				r.changedEntry(host, e)
				got = append(got, host+"!")
			}
			if diff := cmp.Diff(test.want, recordedIn(o, test.rounds, &got)); diff != "" {
				t.Errorf("recorded by round, want (-), got (+):\n%s", diff)
			}
		})
	}
}

// A reads is what is read in a round: verdicts and events, by the index of the host.
type reads map[int][]any

// recordedIn returns what an order records in each round. It finds that in got.
func recordedIn(o *order, rounds []reads, got *[]string) (all []string) {
	for _, round := range rounds {
		*got = nil
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
		all = append(all, strings.Join(*got, " "))
	}
	return all
}
