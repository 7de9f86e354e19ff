package report

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/timeline"
)

// As many packets are attributed to each entry as the kernel counted when it destroyed it. (Of TCP,
// the kernel does not count the packets that it ignores.)
func TestEntriesCarryWhatTheKernelCounted(t *testing.T) {
	for _, name := range []string{"ping", "cut", "interrupted", "halted"} {
		t.Run(name, func(t *testing.T) { carryWhatWasCounted(t, recordtest.Read(t, name)) })
	}
}

func carryWhatWasCounted(t *testing.T, events []timeline.Event) {
	t.Helper()
	type count struct{ sent, got uint64 }
	ls := newLives()
	for i, e := range events {
		ls.add(when{uint64(i + 1), e.At, e.Experiment}, e.Body)
	}
	seen, counted := map[*life]count{}, map[*life]count{}
	for i, e := range events {
		at := when{uint64(i + 1), e.At, e.Experiment}
		switch body := e.Body.(type) {
		case timeline.Judged:
			if body.Packet.IsError() {
				continue
			}
			entry := ls.of(body.Host, body.Packet.Key()).carrier(at, body.State)
			if entry == nil {
				if body.State == packet.Established || body.State == packet.New && body.Accepted {
					t.Errorf("event %d: no entry for %s %s %s (%s)", e.Seq, body.State, body.Host, body.Packet, body.ID)
				}
				continue
			}
			c := seen[entry]
			if entry.sends(body.Packet.Key()) {
				c.sent++
			} else {
				c.got++
			}
			seen[entry] = c
		case timeline.EntryChanged:
			if body.Change != flow.Destroy {
				continue
			}
			for entry := range seen {
				if entry.dead.seq == at.seq {
					counted[entry] = count{body.Entry.Sent.Packets, body.Entry.Got.Packets}
				}
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no entry carried anything")
	}
	for entry, kernel := range counted {
		carried := seen[entry]
		ignored := entry.orig.Protocol == packet.TCP && carried.sent >= kernel.sent && carried.got >= kernel.got
		if carried != kernel && !ignored {
			t.Errorf("%s entry %d (%s): carried %+v, the kernel counted %+v", entry.host, entry.id, entry.orig, carried, kernel)
		}
	}
}

// A script is what happens to one flow at host A: its events, a millisecond apart.
type script struct {
	lives *lives
	at    when
}

func newScript() *script { return &script{lives: newLives()} }

var queryKey = packet.Key{Protocol: packet.UDP, Source: netip.MustParseAddr("10.0.0.2"), Destination: netip.MustParseAddr("10.0.0.1"), SourcePort: 4000, DestinationPort: 53}

func (s *script) add(body timeline.Body) when {
	s.at = when{s.at.seq + 1, s.at.at + time.Millisecond, 1}
	s.lives.add(s.at, body)
	return s.at
}

// packet adds a verdict on packet seq of stream q, or on the reply to it.
func (s *script) packet(seq int, state packet.State, rule uint32, reply bool) (timeline.Judged, when) {
	v := timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "q", Seq: seq, Reply: reply, State: state, Accepted: true, By: packet.By{Kind: packet.ByGroup, Number: rule}}
	k := queryKey
	if reply {
		v.Direction = packet.Egress
		k.Source, k.Destination, k.SourcePort, k.DestinationPort = k.Destination, k.Source, k.DestinationPort, k.SourcePort
	}
	v.Packet = packet.Header{Protocol: k.Protocol, Source: k.Source, Destination: k.Destination, SourcePort: k.SourcePort, DestinationPort: k.DestinationPort}
	return v, s.add(v)
}

func (s *script) entry(change flow.Change, id, mark uint32, status ...string) {
	s.add(timeline.EntryChanged{Host: "A", Change: change, Entry: flow.Entry{ID: id, Orig: queryKey, Mark: mark, Status: status, Timeout: 30 * time.Second}})
}

// all returns the entries of the flow.
func (s *script) all() []*life { return s.lives.of("A", queryKey).lives }

// An entry was created by the first packet that may have created it, in whatever order that is
// reported.
func TestWhoCreatedAnEntry(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(*script)
		want []int // the creator of each entry
	}{
		{"the verdict first", func(s *script) { s.packet(1, "new", 1, false); s.entry("new", 1, 1) }, []int{1}},
		{"the entry first", func(s *script) { s.entry("new", 1, 1); s.packet(1, "new", 1, false) }, []int{1}},
		{"several packets first", func(s *script) { s.packet(1, "new", 1, false); s.packet(2, "new", 1, false); s.entry("new", 1, 1) }, []int{1}},
		{"more packets later", func(s *script) { s.packet(1, "new", 1, false); s.entry("new", 1, 1); s.packet(2, "new", 1, false) }, []int{1}},
		{"destroyed and created again", func(s *script) {
			s.packet(1, "new", 1, false)
			s.entry("new", 1, 1)
			s.entry("destroy", 1, 1)
			s.packet(2, "new", 1, false)
			s.entry("new", 2, 1)
		}, []int{1, 2}},
		{"destroyed and created again in one round", func(s *script) {
			s.packet(1, "new", 1, false)
			s.entry("new", 1, 1)
			s.packet(2, "new", 1, false)
			s.packet(2, "established", 0, true)
			s.entry("destroy", 1, 1)
			s.entry("new", 2, 1)
			s.entry("update", 2, 1, flow.SeenReply)
		}, []int{1, 2}},
		{"its end was not reported", func(s *script) {
			s.packet(1, "new", 1, false)
			s.packet(1, "established", 0, true)
			s.entry("new", 1, 1)
			s.packet(2, "new", 1, false)
			s.entry("new", 2, 1)
		}, []int{1, 2}},
		{"long before the verdict", func(s *script) { s.entry("new", 1, 1); s.at.at += 2 * patience; s.packet(1, "new", 1, false) }, []int{0}},
		{"nobody knows", func(s *script) { s.entry("update", 1, 1, flow.SeenReply) }, []int{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript()
			test.run(s)
			var got []int
			for _, l := range s.all() {
				got = append(got, l.creator.packet)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("created by packets, want (-), got (+):\n%s", diff)
			}
		})
	}
}

// Why an entry is gone follows from who deleted it, and from how long it was idle.
func TestWhyAnEntryIsGone(t *testing.T) {
	begin := func(s *script) { s.packet(1, "new", 1, false); s.entry("new", 1, 1) }
	cut := func(why timeline.CutReason) timeline.Cut { return timeline.Cut{Host: "A", Flow: queryKey, Why: why} }
	for _, test := range []struct {
		name string
		run  func(*script)
		want claims.Ending
	}{
		{"it is there", func(s *script) { begin(s) }, ""},
		{"lablab was asked to delete it", func(s *script) { begin(s); s.add(cut(timeline.CutAsked)); s.entry("destroy", 1, 1) }, claims.Asked},
		{"that is recorded afterwards", func(s *script) { begin(s); s.entry("destroy", 1, 1); s.add(cut(timeline.CutAsked)) }, claims.Asked},
		{"it is no longer tracked", func(s *script) { begin(s); s.add(cut(timeline.CutUntracked)); s.entry("destroy", 1, 1) }, claims.Untracked},
		{"it was idle", func(s *script) { begin(s); s.at.at += 30 * time.Second; s.entry("destroy", 1, 1) }, claims.TimedOut},
		{"it was not", func(s *script) {
			begin(s)
			s.at.at += 20 * time.Second
			s.packet(2, "new", 1, false)
			s.at.at += 20 * time.Second
			s.entry("destroy", 1, 1)
		}, claims.Deleted},
		{"it was idle, and new packets came before its end was reported", func(s *script) {
			begin(s)
			s.packet(1, "established", 0, true)
			s.at.at += 30 * time.Second
			s.packet(2, "new", 1, false)
			s.packet(3, "new", 1, false)
			s.entry("destroy", 1, 1)
		}, claims.TimedOut},
		{"so did a packet of a flow without replies", func(s *script) {
			begin(s)
			s.at.at += 40 * time.Second
			s.packet(2, "new", 1, false)
			s.entry("destroy", 1, 1)
		}, claims.TimedOut},
		{"its connection was closed", func(s *script) {
			begin(s)
			s.add(timeline.EntryChanged{Host: "A", Change: flow.Update, Entry: flow.Entry{ID: 1, Orig: queryKey, Mark: 1, TCP: "TIME_WAIT", Timeout: time.Second}})
			s.entry("destroy", 1, 1)
		}, claims.Closing},
		{"its end was missed", func(s *script) {
			begin(s)
			s.add(timeline.Missed{Host: "A", What: timeline.MissedEvents, Count: 1})
			s.add(timeline.Dumped{Host: "A"})
		}, claims.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript()
			test.run(s)
			if got := s.all()[0].end(); got != test.want {
				t.Errorf("it is %q, want %q", got, test.want)
			}
		})
	}
}

// Until there is a reply, each packet is accepted by a rule, which then has admitted the flow.
func TestAdmittedByOneRuleAfterAnother(t *testing.T) {
	s := newScript()
	_, first := s.packet(1, "new", 1, false)
	s.entry("new", 1, 1)
	_, second := s.packet(2, "new", 2, false)
	s.entry("update", 1, 2)
	_, later := s.packet(3, "established", 0, true)
	for _, test := range []struct {
		at   when
		want uint32
	}{{first, 1}, {second, 2}, {later, 2}} {
		if got := s.all()[0].admittedBy(test.at.seq); got != test.want {
			t.Errorf("at event %d admitted by rule %d, want %d", test.at.seq, got, test.want)
		}
	}
}

// What a packet of a flow belonged to depends on its state, and not on when its end was reported.
func TestCarrier(t *testing.T) {
	s := newScript()
	one, atOne := s.packet(1, "new", 1, false)
	s.entry("new", 1, 1)
	answer, atAnswer := s.packet(1, "established", 0, true)
	dropped, atDropped := s.packet(2, "new", 0, false)
	dropped.Accepted = false
	s.entry("destroy", 1, 1)
	invalid, atInvalid := s.packet(3, "invalid", 0, false)
	first := s.all()[0]
	for name, test := range map[string]struct {
		v    timeline.Judged
		at   when
		want *life
	}{
		"the creator": {one, atOne, first}, "a reply": {answer, atAnswer, first},
		"new before its end is reported": {dropped, atDropped, nil}, "invalid": {invalid, atInvalid, nil},
	} {
		if got := s.lives.of("A", queryKey).carrier(test.at, test.v.State); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// The flows of programs are forgotten in the end, those of streams and living entries are not.
func TestOtherFlowsAreForgotten(t *testing.T) {
	s := newScript()
	s.packet(1, "new", 1, false)
	s.entry("new", 1, 1)
	s.entry("destroy", 1, 1)
	k := queryKey
	for i := range 5 * othersKept {
		k.SourcePort, k.DestinationPort = uint16(i), 1000+uint16(i>>16)
		s.add(timeline.EntryChanged{Host: "A", Change: flow.New, Entry: flow.Entry{ID: uint32(i + 2), Orig: k}})
		if i > 0 {
			s.add(timeline.EntryChanged{Host: "A", Change: flow.Destroy, Entry: flow.Entry{ID: uint32(i + 2), Orig: k}})
		}
	}
	k.SourcePort, k.DestinationPort = 0, 1000
	if n := len(s.lives.flows); n > 2*othersKept+2 || n < othersKept {
		t.Errorf("%d flows are kept", n)
	}
	if len(s.all()) != 1 || s.lives.before(s.at, "A", k) == nil {
		t.Error("the stream's flow or the living entry is forgotten")
	}
}
