package report

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// The figures of the original experiment, from the record of a real run.
func TestFourExperiments(t *testing.T) {
	r := Of(recordtest.Read(t, "ping"))
	one, two := r.Stream("1"), r.Stream("2")
	if one.Sent != 65 || one.Received != 65 || one.LossPercent != 0 || *one.FirstReply != 1 {
		t.Errorf("stream 1: %d sent, %d received, %v%% lost, first %d", one.Sent, one.Received, one.LossPercent, *one.FirstReply)
	}
	if two.Sent != 46 || two.Received != 27 || math.Abs(two.LossPercent-41.3043) > 1e-4 || *two.FirstReply != 20 {
		t.Errorf("stream 2: %d sent, %d received, %v%% lost, first %d", two.Sent, two.Received, two.LossPercent, *two.FirstReply)
	}
	if !r.Held || r.Interrupted || r.Missed != (Missed{}) {
		t.Errorf("held %v, interrupted %v, missed %+v", r.Held, r.Interrupted, r.Missed)
	}
	var got []string
	for _, s := range r.Streams {
		for _, v := range s.Verdicts {
			got = append(got, fmt.Sprintf("%s %s %s %s %d-%d %s %s %s", s.Name, v.Host, v.Direction, v.Packet, v.First, v.Last, v.State, v.Verdict, v.ID))
		}
	}
	want := []string{
		"1 B egress request 1-1 new accept out", "1 B egress request 2-65 established accept established",
		"1 A ingress request 1-1 new accept icmp", "1 A ingress request 2-65 established accept established",
		"1 A egress reply 1-65 established accept established", "1 B ingress reply 1-65 established accept established",
		"2 B egress request 1-20 new accept out", "2 B egress request 21-46 established accept established",
		"2 A ingress request 1-19 new drop default-deny", "2 A ingress request 20-20 new accept icmp", "2 A ingress request 21-46 established accept established",
		"2 A egress reply 20-46 established accept established", "2 B ingress reply 20-46 established accept established",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts, want (-), got (+):\n%s", diff)
	}
}

// An entry names the rule that admitted it, even after the rule is gone.
func TestEntriesNameTheirRule(t *testing.T) {
	r := Of(recordtest.Read(t, "ping"))
	var got []string
	for _, f := range r.Flows {
		if f.Host == "A" && f.Stream != nil {
			got = append(got, fmt.Sprintf("%d stream %s: %d/%d %s", f.Experiment, *f.Stream, f.Packets, f.ReplyPackets, f.Admission()))
		}
	}
	want := []string{
		"1 stream 1: 10/10 admitted by icmp",
		"2 stream 1: 19/19 admitted by icmp (revoked in experiment 2)",
		"3 stream 1: 38/38 admitted by icmp (revoked in experiment 2)",
		"4 stream 1: 65/65 admitted by icmp (revoked in experiment 2; an identical rule is in force since experiment 4)",
		"4 stream 2: 27/27 admitted by icmp",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries on A, want (-), got (+):\n%s", diff)
	}
}

// A refusal needs a drop that was seen. Without its verdict the packet is lost, the prediction did
// not hold, and the report admits the missing verdict.
func TestSilenceProvesNothing(t *testing.T) {
	var events []timeline.Event
	for _, e := range recordtest.Read(t, "ping") {
		if j, ok := e.Body.(timeline.Judged); ok && j.Stream == "2" && j.Seq == 7 {
			continue
		}
		events = append(events, e)
	}
	r := Of(events)
	if three := r.Experiment(3); three.Held || r.Held {
		t.Error("experiment 3 held without proof")
	}
	if p := r.Stream("2").Packets[6]; p.Outcome != Lost {
		t.Errorf("seq 7 is %s, want lost", p.Outcome)
	}
	if r.Missed.Verdicts == 0 {
		t.Error("a verdict is missing and nothing was said")
	}
}

// without returns the recorded run without some of its events.
func without(t *testing.T, name string, gone func(timeline.Event) bool) *Report {
	t.Helper()
	events := recordtest.Read(t, name)
	left := slices.DeleteFunc(slices.Clone(events), gone)
	if len(left) == len(events) {
		t.Fatal("nothing was left out")
	}
	return Of(left)
}

// Every sentence needs the evidence that it is about.
func TestSentencesNeedEvidence(t *testing.T) {
	for _, test := range []struct {
		name, sentence string
		gone           func(timeline.Event) bool
	}{
		{"verdicts of A about replies", "Every reply was ESTABLISHED", func(e timeline.Event) bool {
			j, ok := e.Body.(timeline.Judged)
			return ok && j.Host == "A" && j.Reply
		}},
		{"a single one of them", "Every reply was ESTABLISHED", func(e timeline.Event) bool {
			j, ok := e.Body.(timeline.Judged)
			return ok && j.Host == "B" && j.Reply && j.Seq == 30
		}},
		{"entries of A in experiment 3", "A does not remember what it drops", func(e timeline.Event) bool {
			d, ok := e.Body.(timeline.Dumped)
			return ok && d.Host == "A" && e.Experiment == 3
		}},
		{"entries of B in experiment 3", "B, the sender, kept an UNREPLIED entry", func(e timeline.Event) bool {
			d, ok := e.Body.(timeline.Dumped)
			return ok && d.Host == "B" && e.Experiment == 3
		}},
		{"verdicts of A about requests", "were ESTABLISHED: conntrack had an entry", func(e timeline.Event) bool {
			j, ok := e.Body.(timeline.Judged)
			return ok && j.Host == "A" && !j.Reply
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			said := func(r *Report) int {
				n := 0
				for _, p := range r.Why {
					n += strings.Count(say.List(" ", p.Sentences...).String(), test.sentence)
				}
				return n
			}
			all, left := said(Of(recordtest.Read(t, "ping"))), said(without(t, "ping", test.gone))
			if all == 0 || left >= all {
				t.Errorf("said %d times with the evidence and %d without", all, left)
			}
		})
	}
}

// A packet that its sender could not send was refused by a rule only if the rule was seen to drop
// it.
func TestErrorOfSenderProvesNothing(t *testing.T) {
	events := recordtest.Read(t, "ping")
	for i, e := range events {
		switch body := e.Body.(type) {
		case timeline.Sent:
			if body.Stream == "2" && body.Seq == 7 {
				events[i].Body = timeline.NotSent{Stream: "2", Seq: 7, Local: true, Error: "operation not permitted"}
			}
		case timeline.Judged:
			if body.Stream == "2" && body.Seq == 7 {
				events[i].Body = timeline.Ready{} // says nothing about the packet
			}
		}
	}
	r := Of(events)
	if p := r.Stream("2").Packets[6]; p.Outcome != Unsent || r.Held || r.Missed.Verdicts != 1 {
		t.Errorf("outcome %s, held %v, %d verdicts missed", p.Outcome, r.Held, r.Missed.Verdicts)
	}
}

// A packet in flight when the run was interrupted is neither lost nor missed.
func TestPacketsUnderWay(t *testing.T) {
	var events []timeline.Event
	for _, e := range recordtest.Read(t, "ping") {
		if r, ok := e.Body.(timeline.Replied); ok && r.Stream == "1" && r.Seq == 30 {
			break
		}
		events = append(events, e)
	}
	s := Of(events).Stream("1")
	if s.Waiting != 1 || s.Lost != 0 {
		t.Errorf("%d waiting, %d lost", s.Waiting, s.Lost)
	}
}

// A flow's entry may be destroyed more than once. The last time before the packet counts.
func TestEntryDestroyedTwice(t *testing.T) {
	r := Of(recordtest.Read(t, "cut"))
	var again []string
	for _, sentence := range r.Why[0].Sentences {
		if strings.Contains(sentence.String(), "NEW again") {
			again = append(again, sentence.String())
		}
	}
	if len(again) != 1 || !strings.Contains(again[0], "deleted in experiment 2") {
		t.Fatalf("said: %q", again)
	}
	// The same again in experiment 4: the entry is destroyed, and seq 51 is new.
	events := recordtest.Read(t, "cut")
	for i, e := range events {
		j, ok := e.Body.(timeline.Judged)
		if !ok || j.Stream != "1" || j.Seq != 51 || j.Host != "A" || j.Reply {
			continue
		}
		j.State, j.By = "new", packet.By{Kind: packet.ByGroup, ID: "icmp", Number: 4}
		events[i].Body = j
		for _, d := range slices.Backward(events[:i]) {
			if last, ok := d.Body.(timeline.EntryChanged); ok && last.Host == "A" && last.Entry.Orig.ICMPID == 1001 {
				last.Change = flow.Destroy
				d.Experiment, d.At, d.Body = e.Experiment, e.At, last
				events = slices.Insert(events, i, d)
				break
			}
		}
		break
	}
	why := say.List(" ", Of(events).Why[0].Sentences...).String()
	if !strings.Contains(why, "Packet 51 was NEW again: A's conntrack entry had been deleted in experiment 4") {
		t.Errorf("said: %s", why)
	}
}

// Each change to the evidence must change the conclusion.
func TestMutants(t *testing.T) {
	for _, mutant := range []struct {
		name   string
		change func(timeline.Body) timeline.Body
	}{
		{"a reply too few", func(b timeline.Body) timeline.Body {
			if r, ok := b.(timeline.Replied); ok && r.Stream == "1" && r.Seq == 30 {
				return nil
			}
			return b
		}},
		{"a packet too few", func(b timeline.Body) timeline.Body {
			if s, ok := b.(timeline.Sent); ok && s.Stream == "2" && s.Seq == 46 {
				return nil
			}
			return b
		}},
		{"a refused packet is answered", func(b timeline.Body) timeline.Body {
			if j, ok := b.(timeline.Judged); ok && j.Stream == "2" && j.Seq == 5 && !j.Accepted {
				return timeline.Replied{Stream: "2", Seq: 5, RTT: time.Millisecond}
			}
			return b
		}},
		{"another prediction", func(b timeline.Body) timeline.Body {
			if begun, ok := b.(timeline.Begun); ok {
				begun.Plan[1].Predicted[0].Outcome = "refused"
				return begun
			}
			return b
		}},
		{"an experiment that did not end", func(b timeline.Body) timeline.Body {
			if x, ok := b.(timeline.ExperimentEnded); ok && x.Number == 4 {
				return nil
			}
			return b
		}},
		{"it broke", func(b timeline.Body) timeline.Body {
			if _, ok := b.(timeline.Ended); ok {
				return timeline.Ended{Failed: "something"}
			}
			return b
		}},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			var events []timeline.Event
			changed := 0
			for _, e := range recordtest.Read(t, "ping") {
				body := mutant.change(e.Body)
				if !reflect.DeepEqual(body, e.Body) {
					changed++
				}
				if e.Body = body; body != nil {
					events = append(events, e)
				}
			}
			if mutant.name != "another prediction" && changed != 1 {
				t.Fatalf("%d events changed, want 1", changed)
			}
			if Of(events).Held {
				t.Error("it held all the same")
			}
		})
	}
}

// Any prefix of a run can be explained.
func TestEveryPrefix(t *testing.T) {
	events := recordtest.Read(t, "cut")
	for n := 0; n <= len(events); n += 7 {
		r := Of(events[:n])
		if r.Held {
			t.Fatalf("after %d events of a run that did not hold, it held", n)
		}
	}
}

// The exit code of a program is a prediction too.
func TestExitCodeIsPredicted(t *testing.T) {
	log := timeline.NewLog()
	log.Append(timeline.Begun{Plan: []timeline.Plan{{Number: 1, Title: "changes made by hand"}}})
	log.Append(timeline.ExperimentBegun{Number: 1})
	log.Append(timeline.Ran{Host: "A", Command: []string{"false"}, Exit: 1})
	log.Append(timeline.ExperimentEnded{Number: 1})
	if r := Of(log.Events()); r.Verdict() != NotHeld {
		t.Errorf("it is %s", r.Verdict())
	}
}

func BenchmarkReport(b *testing.B) {
	events := recordtest.Read(b, "ping")
	for b.Loop() {
		_ = Of(events)
	}
}
