package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/sg"
	"lablab/timeline"
)

// An entry that is gone was hastened only if it would have been there by the plan.
func TestHastened(t *testing.T) {
	const second = time.Second
	type events struct {
		add    func(at time.Duration, body timeline.Body)
		packet func(at time.Duration, state packet.State, flags uint8)
	}
	gone := func(e events, at time.Duration) { // when a packet looks for it
		e.add(at, destroyed)
		e.packet(at, packet.New, 0)
	}
	// Each script begins with an answered query at 0 s; its entry lasts for 30 s without a packet.
	for name, test := range map[string]struct {
		run  func(events)
		want time.Duration // how late lablab was, if that is why the entry expired
	}{
		"a wait that is too long": {func(e events) { e.add(31*second, timeline.Waited{For: 31 * second}); gone(e, 31*second) }, 0},
		"a wait that ends late":   {func(e events) { e.add(32*second, timeline.Waited{For: 5 * second}); gone(e, 32*second) }, 26 * second},
		"a halt in a wait that is too long": {func(e events) {
			e.add(20*second, timeline.Halted{For: 10 * second, Within: 10 * second})
			e.add(31*second, timeline.Waited{For: 31 * second})
			gone(e, 31*second)
		}, 0},
		"too little processor time":          {func(e events) { gone(e, 32*second) }, 31 * second},
		"missed by a packet that is invalid": {func(e events) { e.add(32*second, destroyed); e.packet(32*second, packet.Invalid, 0) }, 31 * second},
		"missed in a listing":                {func(e events) { e.add(32*second, destroyed); e.add(33*second, timeline.Dumped{Host: "A"}) }, 32 * second},
		"missed by nothing":                  {func(e events) { e.add(32*second, destroyed) }, 0},
		"an entry that lives": {func(e events) {
			e.add(33*second, timeline.Dumped{Host: "A", Entries: []flow.Entry{{ID: 1, Orig: queryKey}}})
		}, 0},
		"late before the last packet only": {func(e events) {
			e.packet(21*second, packet.Established, 0)
			e.add(52*second, timeline.Waited{For: 31 * second})
			gone(e, 52*second)
		}, 0},
		"a long program": {func(e events) { e.add(31*second, timeline.Ran{Host: "A", Took: 31 * second}); gone(e, 31*second) }, 0},
		"a program that seems long": {func(e events) {
			e.add(28*second, timeline.Halted{For: 25 * second, Within: 26 * second})
			e.add(31*second, timeline.Ran{Host: "A", Took: 31 * second})
			gone(e, 31*second)
		}, 25 * second},
		"a program that deletes the entry":       {func(e events) { e.add(5*second, timeline.Ran{Host: "A", Took: second}); gone(e, 5*second) }, 0},
		"an entry that ends with its connection": {func(e events) { e.packet(second, packet.Established, packet.RST); gone(e, 5*second) }, 0},
		"lablab deletes the entry": {func(e events) {
			e.add(32*second, destroyed)
			e.add(32*second, timeline.Cut{Host: "A", Flow: queryKey, Why: timeline.CutAsked})
			e.packet(32*second, packet.New, 0)
		}, 0},
		"other packets meanwhile": {func(e events) {
			for seq := 1; seq <= 31; seq++ {
				e.add(time.Duration(seq)*second, timeline.Sent{Stream: "other", Seq: seq})
			}
			gone(e, 32*second)
		}, 0},
		"a timeout that was set during the run": {func(e events) {
			e.add(second, timeline.Configured{Timeouts: sg.Timeouts{UDP: 2 * second, UDPStream: 2 * second}})
			e.packet(second, packet.Established, 0)
			gone(e, 4*second)
		}, 2 * second},
		"a packet that is reported too late": {func(e events) {
			e.packet(41*second, packet.Established, 0)
			e.add(41*second, timeline.Halted{For: 35 * second, Within: 36 * second})
			gone(e, 41*second+second/10)
		}, 35 * second},
	} {
		for _, timed := range []bool{true, false} { // older records do not have the waits
			t.Run(fmt.Sprint(name, " ", timed), func(t *testing.T) {
				b, last := NewBuilder(), time.Duration(0)
				e := events{add: func(at time.Duration, body timeline.Body) {
					last = max(last+time.Millisecond, at)
					b.Add(timeline.Event{At: last, Experiment: 1, Body: body})
				}}
				e.packet = func(at time.Duration, state packet.State, flags uint8) {
					k := queryKey
					e.add(at, timeline.Judged{
						Host: "A", Direction: packet.Ingress, State: state, Accepted: true, By: packet.By{Kind: packet.ByGroup, Number: 1},
						Packet: packet.Header{Protocol: k.Protocol, Source: k.Source, Destination: k.Destination, SourcePort: k.SourcePort, DestinationPort: k.DestinationPort, TCPFlags: flags},
					})
				}
				e.add(0, timeline.Begun{Timed: timed, Interval: second, Hosts: []timeline.Host{{Name: "A"}}})
				e.packet(0, packet.New, 0)
				e.add(0, timeline.EntryChanged{Host: "A", Change: flow.New, Entry: flow.Entry{ID: 1, Orig: queryKey, Mark: 1, Status: []string{flow.SeenReply}, Timeout: 30 * second}})
				test.run(e)
				var got time.Duration
				for _, h := range b.findHastened() {
					got += h.late
				}
				want := test.want
				if !timed {
					want = 0
				}
				if got.Round(second/2) != want {
					t.Errorf("late by %s, want %s", got, want)
				}
			})
		}
	}
}

var destroyed = timeline.EntryChanged{Host: "A", Change: flow.Destroy, Entry: flow.Entry{ID: 1, Orig: queryKey}}

// What was predicted of other streams, and before the halt, is decided; what a program returned is
// not, if it may have been late.
func TestOnlyWhatDependsOnTimeIsNotJudged(t *testing.T) {
	r := Of(recordtest.Read(t, "halted"))
	var got []string
	for _, p := range r.Unjudged() {
		got = append(got, p.Name())
	}
	want := []string{
		"2. the rule is revoked, and the ping pauses for less than the timeout: stream 1 answered, by established",
		"2. the rule is revoked, and the ping pauses for less than the timeout: host A an entry for stream 1",
		"2. the rule is revoked, and the ping pauses for less than the timeout: host A rule established is hit",
		"3. it goes on: stream 1 answered",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("want, got:", diff)
	}
	for name, c := range map[string]struct {
		exit int
		late bool
		want Verdict
	}{
		"a program that failed":          {1, false, NotHeld},
		"a program that failed, late":    {1, true, NotJudged},
		"a program that succeeded, late": {0, true, Held},
	} {
		log := timeline.NewLog()
		log.Append(timeline.Begun{Plan: []timeline.Plan{{Number: 1, Do: []string{"run true"}}}, Hosts: []timeline.Host{{Name: "A"}}})
		log.Append(timeline.ExperimentBegun{Number: 1})
		if c.late {
			log.Append(timeline.Halted{For: time.Second, Within: time.Second})
		}
		log.Append(timeline.Ran{Host: "A", Command: []string{"true"}, Exit: c.exit})
		log.Append(timeline.ExperimentEnded{Number: 1})
		log.Append(timeline.Ended{})
		if r := Of(log.Events()); r.Verdict() != c.want || r.Held != (c.want == Held) {
			t.Errorf("%s: %s, held %v; want %s", name, r.Verdict(), r.Held, c.want)
		}
	}
}

// An entry ends when the timeout is over that was set before its last packet, whatever it had been.
func TestTimeoutSetDuringTheRun(t *testing.T) {
	for want, timeout := range map[claims.Ending]time.Duration{claims.TimedOut: time.Second, claims.Deleted: time.Minute} {
		s := newScript()
		s.packet(1, "new", 1, false)
		s.entry("new", 1, 1)
		s.packet(1, "established", 1, true)
		s.add(timeline.Configured{Timeouts: sg.Timeouts{UDP: timeout, UDPStream: timeout}})
		s.packet(2, "established", 1, false)
		s.at.at += 1500 * time.Millisecond
		s.add(destroyed)
		if got := s.all()[0].end(); got != want {
			t.Errorf("with a timeout of %s: %s, want %s", timeout, got, want)
		}
	}
}
