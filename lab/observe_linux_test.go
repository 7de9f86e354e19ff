package lab

import (
	"context"
	"testing"
	"time"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// The entry of a flow's only packet is there when the entries are listed right after it, although
// conntrack events and the trace arrive on different sockets.
func TestEntryOfTheLastPacket(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	one := func(expect scenario.Expectation, ingress ...sg.Rule) {
		t.Helper()
		for range 25 {
			sc := serverAndClient(ingress...)
			start := scenario.Start{Stream: "p", Protocol: packet.ICMP, From: "B", To: "A"}
			sc.Experiments = []scenario.Experiment{{Title: "one packet", Do: []scenario.Action{start}, For: 1, Expect: []scenario.Expectation{expect}}}
			if r := run(t, sc, 2*time.Millisecond); !r.Held {
				t.Fatalf("the entry of one packet was not seen: %+v", r.Experiments[0].Predictions)
			}
		}
	}
	one(scenario.Expectation{Host: "A", Flow: "p", AdmittedBy: "icmp"}, allow("icmp", packet.ICMP, sg.Any, "10.255.1.10/32"))
	one(scenario.Expectation{Host: "B", Flow: "p", AdmittedBy: "out"})
}

// An entry that ended between the listing and the comparison was reported all the same; one that no
// event named was not.
func TestEntryThatEndsDuringTheAudit(t *testing.T) {
	t.Parallel()
	w := newRecorder(timeline.NewLog())
	entry := func(id uint32) flow.Entry {
		return flow.Entry{ID: id, Orig: packet.Key{Protocol: packet.UDP, SourcePort: uint16(id), DestinationPort: 9}}
	}
	report := func(change flow.Change, id uint32) {
		w.changedEntry("A", conntrack.Event{Change: change, Entry: entry(id)})
	}
	report(flow.New, 1)
	report(flow.New, 2)
	w.beginAudit("A")
	listed := []flow.Entry{entry(1), entry(2)}
	report(flow.Destroy, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing else is reported
	if missed := w.unreported(ctx, "A", listed); len(missed) != 0 {
		t.Errorf("missed %v", missed)
	}
	if missed := w.unreported(ctx, "A", append(listed, entry(3))); len(missed) != 1 || missed[0].ID != 3 {
		t.Errorf("missed %v, want entry 3", missed)
	}
}

// All entries are listed, whatever events reported. Those that were reported otherwise are missed.
func TestEntriesThatWereReportedOtherwise(t *testing.T) {
	t.Parallel()
	type entries = map[packet.Key]uint32
	other := func(k packet.Key) packet.Key { k.SourcePort++; return k }
	for name, test := range map[string]struct {
		spoil  func(reported entries, k packet.Key)
		missed int
	}{
		"not at all": {func(reported entries, k packet.Key) { delete(reported, k) }, 1},
		"as another": {func(reported entries, k packet.Key) { reported[k]++ }, 1},
		"by another key": {func(reported entries, k packet.Key) {
			delete(reported, k)
			reported[other(k)] = 1
		}, 1},
		"and one that is gone": {func(reported entries, k packet.Key) { reported[other(k)] = 1 }, 0},
		"as they are":          {func(entries, packet.Key) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, log := build(t, serverAndClient())
			must(t, l.prove(t.Context())) // leaves an entry on each host
			l.Sync(t.Context())
			h := l.hosts[0]
			want, err := h.conntrack.Dump()
			must(t, err)
			if len(want) != 1 {
				t.Fatalf("there are %d entries, want 1", len(want))
			}
			l.recorder.mu.Lock()
			test.spoil(l.recorder.index(h.Name).alive, want[0].Orig)
			l.recorder.mu.Unlock()
			got, err := l.list(h)
			must(t, err)
			if len(got) != 1 || got[0].ID != want[0].ID {
				t.Errorf("listed %+v, want %+v", got, want)
			}
			must(t, l.audit(t.Context()))
			missed := 0
			for _, e := range log.Events() {
				if m, is := e.Body.(timeline.Missed); is && m.What == timeline.MissedEvents {
					missed += m.Count
				}
			}
			if missed != test.missed {
				t.Errorf("%d events missed, want %d", missed, test.missed)
			}
		})
	}
}
