package report

import (
	"testing"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

// What passed between a change and the deletion is the difference of the entry's counts, in whichever
// order its end and its deletion are reported.
func TestDeleted(t *testing.T) {
	id := uint32(1)
	key := packet.Key{Protocol: packet.ICMP, ICMPID: 7}
	ended := func(change flow.Change, host string, sent, got uint64) timeline.EntryChanged {
		return timeline.EntryChanged{Host: host, Change: change, Entry: flow.Entry{ID: id, Orig: key, Sent: flow.Count{Packets: sent}, Got: flow.Count{Packets: got}}}
	}
	cut := func(host string, packets uint64, why timeline.CutReason) timeline.Cut {
		return timeline.Cut{Host: host, Flow: key, Why: why, Packets: packets, ID: id}
	}
	for name, test := range map[string]struct {
		events []timeline.Body
		want   *Deleted
	}{
		"nothing":               {nil, nil},
		"held":                  {[]timeline.Body{cut("A", 20, timeline.CutChanged), ended(flow.Destroy, "A", 10, 10)}, &Deleted{Entries: 1}},
		"three packets":         {[]timeline.Body{cut("A", 20, timeline.CutChanged), ended(flow.Destroy, "A", 12, 11)}, &Deleted{Entries: 1, Passed: 3}},
		"its end comes first":   {[]timeline.Body{ended(flow.Destroy, "A", 12, 11), cut("A", 20, timeline.CutChanged)}, &Deleted{Entries: 1, Passed: 3}},
		"an earlier entry":      {[]timeline.Body{ended(flow.Destroy, "A", 90, 90), ended(flow.New, "A", 0, 0), ended(flow.Update, "A", 0, 0), cut("A", 2, timeline.CutChanged), ended(flow.Destroy, "A", 1, 1)}, &Deleted{Entries: 1}},
		"another host's":        {[]timeline.Body{cut("A", 20, timeline.CutChanged), ended(flow.Destroy, "B", 12, 11)}, &Deleted{Entries: 1, Unknown: 1}},
		"deleted by hand":       {[]timeline.Body{cut("A", 0, timeline.CutAsked), ended(flow.Destroy, "A", 12, 11)}, nil},
		"two, one after other":  {[]timeline.Body{cut("A", 1, timeline.CutChanged), ended(flow.Destroy, "A", 1, 1), ended(flow.New, "A", 0, 0), cut("A", 2, timeline.CutChanged), ended(flow.Destroy, "A", 2, 2)}, &Deleted{Entries: 2, Passed: 3}},
		"counts were not taken": {[]timeline.Body{cut("A", 5, timeline.CutChanged), ended(flow.Destroy, "A", 0, 0)}, &Deleted{Entries: 1}},
	} {
		b := NewBuilder()
		for i, body := range test.events {
			b.Add(timeline.Event{Seq: uint64(i + 1), At: time.Duration(i) * patience, Body: body})
		}
		got := b.finish().Deleted
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
