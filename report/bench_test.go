package report

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// long returns a timeline of at least n events: in ten experiments, twenty streams ping, and a
// program begins a flow with each of their packets. The rule is revoked and authorized in turn.
func long(n int) []timeline.Event {
	const experiments, streams = 10, 20
	var events []timeline.Event
	experiment := 0
	add := func(bodies ...timeline.Body) {
		for _, body := range bodies {
			if begun, ok := body.(timeline.ExperimentBegun); ok {
				experiment = begun.Number
			}
			number := uint64(len(events) + 1)
			events = append(events, timeline.Event{Seq: number, At: time.Duration(number) * 100 * time.Microsecond, Experiment: experiment, Body: body})
		}
	}
	a, b := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("10.255.1.10")
	begun := timeline.Begun{Hosts: []timeline.Host{{Name: "A", Address: netip.PrefixFrom(a, 16), Groups: []string{"lab"}}, {Name: "B", Address: netip.PrefixFrom(b, 16), Groups: []string{"lab"}}}}
	for i := range experiments {
		begun.Plan = append(begun.Plan, timeline.Plan{Number: i + 1, Title: "ping", Packets: n / experiments / streams / 9})
	}
	rule := timeline.Rule{Number: 1, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A", "B"}, Rule: sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")}}
	dns := timeline.Rule{Number: 100, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A", "B"}, Rule: sg.Rule{ID: "dns", Protocol: packet.UDP, From: 53, To: 53, Peer: rule.Peer}}
	add(begun, timeline.RuleAuthorized{Rule: rule}, timeline.RuleAuthorized{Rule: dns}, timeline.Ready{})
	established := packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}
	port := uint16(0)
	for seq := 1; len(events) < n; seq++ {
		if per := begun.Plan[0].Packets; seq%per == 1 && experiment < experiments {
			if experiment > 0 {
				add(timeline.ExperimentEnded{Number: experiment})
			}
			add(timeline.ExperimentBegun{Number: experiment + 1})
			if experiment%2 == 0 {
				add(timeline.RuleRevoked{Rule: rule})
			} else if experiment > 1 {
				rule.Number++
				add(timeline.RuleAuthorized{Rule: rule})
			}
		}
		for i := range streams {
			name := fmt.Sprint("s", i)
			if seq == 1 {
				add(timeline.StreamStarted{Stream: name, Protocol: packet.ICMP, From: "B", To: "A", Source: b, Target: a, ICMPID: uint16(i)})
			}
			ask := packet.Header{Protocol: packet.ICMP, Source: b, Destination: a, ICMPType: 8, EchoID: uint16(i), EchoSeq: uint16(seq)}
			answer := packet.Header{Protocol: packet.ICMP, Source: a, Destination: b, EchoID: uint16(i), EchoSeq: uint16(seq)}
			state, by := packet.Established, established
			if seq == 1 {
				state, by = packet.New, packet.By{Kind: packet.ByGroup, ID: "icmp", Number: 1}
			}
			add(timeline.Sent{Stream: name, Seq: seq},
				timeline.Judged{Host: "B", Direction: packet.Egress, Stream: name, Seq: seq, State: state, Accepted: true, By: by, Packet: ask},
				timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: name, Seq: seq, State: state, Accepted: true, By: by, Packet: ask})
			if seq == 1 {
				for _, host := range []string{"B", "A"} {
					add(timeline.EntryChanged{Host: host, Change: flow.New, Entry: flow.Entry{ID: uint32(i + 1), Orig: ask.Key(), Reply: answer.Key(), Mark: 1, Timeout: 30 * time.Second}})
				}
			}
			add(timeline.Judged{Host: "A", Direction: packet.Egress, Stream: name, Seq: seq, Reply: true, State: packet.Established, Accepted: true, By: established, Packet: answer},
				timeline.Judged{Host: "B", Direction: packet.Ingress, Stream: name, Seq: seq, Reply: true, State: packet.Established, Accepted: true, By: established, Packet: answer},
				timeline.Replied{Stream: name, Seq: seq, RTT: 300 * time.Microsecond})
			port++
			other := packet.Header{Protocol: packet.UDP, Source: b, Destination: a, SourcePort: port, DestinationPort: 53}
			entry := flow.Entry{ID: 1<<16 + uint32(port), Orig: other.Key(), Mark: 1}
			add(timeline.Judged{Host: "A", Direction: packet.Ingress, State: packet.New, Accepted: true, By: packet.By{Kind: packet.ByGroup, ID: "dns", Number: dns.Number}, Packet: other},
				timeline.EntryChanged{Host: "A", Change: flow.New, Entry: entry}, timeline.EntryChanged{Host: "A", Change: flow.Destroy, Entry: entry})
		}
	}
	add(timeline.ExperimentEnded{Number: experiment}, timeline.Ended{})
	return events
}

// The timeline of the benchmarks is one that a lab could write.
func TestLong(t *testing.T) {
	if err := timeline.Check(long(20_000)); err != nil {
		t.Error(err)
	}
}

// BenchmarkMillion explains a record of a million events.
func BenchmarkMillion(b *testing.B) {
	events := long(1_000_000)
	b.ReportAllocs()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := Of(events)
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
		runtime.KeepAlive(r)
	}
}

// BenchmarkOneMore adds an event to 100,000.
func BenchmarkOneMore(b *testing.B) {
	known := NewBuilder()
	for _, e := range long(100_000) {
		known.Add(e)
	}
	more := timeline.Event{At: time.Minute, Experiment: 10, Body: timeline.Replied{Stream: "s1", Seq: 5}}
	for b.Loop() {
		known.Add(more)
	}
}

// BenchmarkAskAgain asks for the report of 100,000 events that are known already.
func BenchmarkAskAgain(b *testing.B) {
	known := NewBuilder()
	for _, e := range long(100_000) {
		known.Add(e)
	}
	for b.Loop() {
		_ = known.Report()
	}
}

// restless returns a timeline in which a rule is revoked and another authorized a thousand times,
// while every other packet of a stream is dropped, and each creates an entry otherwise.
func restless() []timeline.Event {
	const packets, changes = 100_000, 1_000
	var events []timeline.Event
	add := func(b timeline.Body) {
		n := len(events) + 1
		events = append(events, timeline.Event{Seq: uint64(n), At: time.Duration(n) * time.Millisecond, Body: b})
	}
	a, b := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("10.255.1.10")
	h := packet.Header{Protocol: packet.UDP, Source: b, Destination: a, SourcePort: 4000, DestinationPort: 53}
	add(timeline.Begun{Hosts: []timeline.Host{{Name: "A", Address: netip.PrefixFrom(a, 16), Groups: []string{"lab"}}, {Name: "B", Address: netip.PrefixFrom(b, 16), Groups: []string{"lab"}}}})
	add(timeline.Ready{})
	add(timeline.StreamStarted{Stream: "s", Protocol: packet.UDP, From: "B", To: "A", Source: b, Target: a, SourcePort: 4000, Port: 53})
	var rule timeline.Rule
	for seq := range packets {
		if seq%(packets/changes) == 0 {
			if rule.Number > 0 {
				add(timeline.RuleRevoked{Rule: rule})
			}
			rule = timeline.Rule{Number: rule.Number + 1, Group: "lab", Direction: packet.Ingress, Rule: sg.Rule{ID: fmt.Sprint("r", seq), Protocol: packet.UDP, From: 53, To: 53, Peer: netip.MustParsePrefix("10.255.1.10/32")}}
			add(timeline.RuleAuthorized{Rule: rule})
		}
		add(timeline.Sent{Stream: "s", Seq: seq + 1})
		v := timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "s", Seq: seq + 1, State: packet.New, Packet: h, By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}}
		if seq%2 == 0 {
			add(v)
			continue
		}
		v.Accepted, v.By = true, packet.By{Kind: packet.ByGroup, ID: rule.ID, Number: rule.Number}
		entry := flow.Entry{ID: uint32(seq), Orig: h.Key(), Mark: rule.Number}
		add(v)
		add(timeline.EntryChanged{Host: "A", Change: flow.New, Entry: entry})
		add(timeline.EntryChanged{Host: "A", Change: flow.Destroy, Entry: entry})
	}
	return events
}

// BenchmarkRestless explains a run in which each packet needs a sentence of its own.
func BenchmarkRestless(b *testing.B) {
	events := restless()
	for b.Loop() {
		_ = Of(events)
	}
}

// BenchmarkNarrate narrates a record of a million events.
func BenchmarkNarrate(b *testing.B) {
	events := long(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		n := NewNarrator()
		for _, e := range events {
			n.Add(e)
		}
		b.ReportMetric(float64(len(n.Said().Subtitles)), "subtitles")
	}
}
