package report

import (
	"encoding/json"
	"testing"

	"lablab/internal/recordtest"
	"lablab/timeline"
)

// A report that is asked for after any event is that of the timeline up to it, and stays so.
func TestBuilder(t *testing.T) {
	for name, events := range records(t) {
		b := NewBuilder()
		type asked struct {
			report *Report
			want   string
		}
		var early []asked
		for i, e := range events {
			b.Add(e)
			now := b.Report()
			if i%max(1, len(events)/20) == 0 {
				early = append(early, asked{now, text(t, Of(events[:i+1]))})
			}
		}
		early = append(early, asked{b.Report(), text(t, Of(events))})
		for i, a := range early {
			if got := text(t, a.report); got != a.want {
				t.Errorf("%s: report %d differs from that of the events so far:\n%s\nwant\n%s", name, i, got, a.want)
			}
		}
	}
}

// A packet that was in flight when the report was asked for is lost later.
func TestBuilderDecidesAnew(t *testing.T) {
	b := NewBuilder()
	for i, body := range []timeline.Body{
		timeline.Begun{Plan: []timeline.Plan{{Number: 1, Packets: 1}}}, timeline.Ready{}, timeline.ExperimentBegun{Number: 1},
		timeline.StreamStarted{Stream: "1"}, timeline.Sent{Stream: "1", Seq: 1},
	} {
		b.Add(timeline.Event{Seq: uint64(i + 1), Experiment: i / 3, Body: body})
	}
	if o := b.Report().Streams[0].Packets[0].Outcome; o != Waiting {
		t.Errorf("at once it is %q, want %q", o, Waiting)
	}
	b.Add(timeline.Event{Seq: 6, At: 2 * patience, Experiment: 1, Body: timeline.StreamStopped{Stream: "1"}})
	if o := b.Report().Streams[0].Packets[0].Outcome; o != Lost {
		t.Errorf("later it is %q, want %q", o, Lost)
	}
}

// records returns all records of real runs.
func records(t testing.TB) map[string][]timeline.Event {
	t.Helper()
	all := recordtest.All(t, "timeline/testdata/schema1/*.jsonl.gz")
	for _, name := range []string{"ping", "cut", "interrupted", "halted"} {
		all["new "+name] = recordtest.Read(t, name)
	}
	return all
}

func text(t *testing.T, r *Report) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
