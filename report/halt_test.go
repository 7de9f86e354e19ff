package report

import (
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

// An entry that expired was hastened only if it would have been there without the halt.
func TestHastened(t *testing.T) {
	const second = time.Second
	halted := func(d time.Duration) timeline.Halted { return timeline.Halted{For: d, Within: d + second/10} }
	// Each script begins with an answered query at 0 s; its entry lasts for 30 s without a packet.
	for name, test := range map[string]struct {
		run  func(add func(at time.Duration, body timeline.Body), packet func(at time.Duration, state packet.State))
		want time.Duration // how long lablab did not run, if that is why the entry expired
	}{
		"a wait that is too long": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(31*second, destroyed)
			packet(31*second, "new")
		}, 0},
		"a halt in a short wait": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(26*second, halted(25*second))
			add(32*second, destroyed)
			packet(32*second, "new")
		}, 25 * second},
		"a halt in a wait that is too long": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(26*second, halted(5*second))
			add(32*second, destroyed) // by the kernel itself
			packet(40*second, "new")
		}, 0},
		"the entry is missed by a packet that is invalid": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(26*second, halted(25*second))
			add(32*second, destroyed)
			packet(32*second, "invalid")
		}, 25 * second},
		"the entry is missed in a listing": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(26*second, halted(25*second))
			add(32*second, destroyed)
			add(33*second, timeline.Dumped{Host: "A"})
		}, 25 * second},
		"nothing misses the entry": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(26*second, halted(25*second))
			add(32*second, destroyed)
		}, 0},
		"a halt before the last packet": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(20*second, halted(15*second))
			packet(21*second, "established")
			add(52*second, destroyed)
			packet(52*second, "new")
		}, 0},
		"the machine is asleep, and so are the kernel's timers": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(2*second, timeline.Halted{For: 3600 * second, Within: 3601 * second, Asleep: 3600 * second})
			add(31*second, destroyed)
			packet(31*second, "new")
		}, 0},
		"the last packet is reported after the halt": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			packet(41*second, "established")
			add(41*second, halted(35*second))
			add(41*second+second/10, destroyed)
			packet(41*second+second/10, "new")
		}, 35 * second},
		"another program deletes the entry": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(4*second, halted(3*second))
			add(5*second, destroyed)
			packet(5*second, "new")
		}, 0},
		"lablab deletes the entry": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(26*second, halted(25*second))
			add(32*second, destroyed)
			add(32*second, timeline.Cut{Host: "A", Flow: queryKey, Why: timeline.CutAsked})
			packet(32*second, "new")
		}, 0},
		"a timeout that was set during the run": {func(add func(time.Duration, timeline.Body), packet func(time.Duration, packet.State)) {
			add(second, timeline.Configured{Timeouts: sg.Timeouts{UDP: 2 * second, UDPStream: 2 * second}})
			packet(second, "established")
			add(4*second, halted(2*second))
			add(4*second, destroyed)
			packet(4*second, "new")
		}, 2 * second},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript()
			at := func(d time.Duration) { s.at.at = max(s.at.at, d) }
			s.packet(1, "new", 1, false)
			s.entry("new", 1, 1)
			s.packet(1, "established", 1, true)
			test.run(
				func(d time.Duration, body timeline.Body) { at(d); s.add(body) },
				func(d time.Duration, state packet.State) { at(d); s.packet(2, state, 1, state == "established") },
			)
			var got time.Duration
			for _, h := range s.lives.hastened() {
				got += h.late
			}
			if got != test.want {
				t.Errorf("hastened by %s, want %s", got, test.want)
			}
		})
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
