package report

import (
	"slices"
	"testing"

	"lablab/internal/recordtest"
	"lablab/timeline"
)

// A claim is proved by the verdicts or entries that it is about, if the target reports such and none is
// missing.
func TestGrade(t *testing.T) {
	begun := func(alter func(*timeline.Begun)) func(*testing.T, []timeline.Event) []timeline.Event {
		return func(_ *testing.T, events []timeline.Event) []timeline.Event {
			body := events[0].Body.(timeline.Begun)
			alter(&body)
			events[0].Body = body
			return events
		}
	}
	without := func(one func(e timeline.Event) bool) func(*testing.T, []timeline.Event) []timeline.Event {
		return func(t *testing.T, events []timeline.Event) []timeline.Event {
			i := slices.IndexFunc(events, one)
			if i < 0 {
				t.Fatal("the record has no such event")
			}
			return slices.Delete(events, i, i+1)
		}
	}
	verdict := func(stream string, experiment int) func(timeline.Event) bool {
		return func(e timeline.Event) bool {
			body, is := e.Body.(timeline.Judged)
			return is && body.Stream == stream && e.Experiment == experiment
		}
	}
	all := func(g Grade) map[string]Grade {
		return map[string]Grade{"1 in 1": g, "1 in 3": g, "2 in 3": g, "entry": g, "never": g}
	}
	but := func(g Grade, claims ...string) map[string]Grade {
		grades := all(Proved)
		for _, c := range claims {
			grades[c] = g
		}
		return grades
	}
	for name, test := range map[string]struct {
		alter func(*testing.T, []timeline.Event) []timeline.Event
		want  map[string]Grade
	}{
		"a kernel":          {begun(func(*timeline.Begun) {}), all(Proved)},
		"memory":            {begun(func(b *timeline.Begun) { b.Target = timeline.InMemory }), all(Simulated)},
		"an older record":   {begun(func(b *timeline.Begun) { b.Target, b.Evidence = "", nil }), all(Proved)},
		"no verdicts":       {begun(func(b *timeline.Begun) { b.Evidence = []timeline.Evidence{timeline.MissedEvents} }), but(Observed, "1 in 1", "1 in 3", "2 in 3", "never")},
		"no entries":        {begun(func(b *timeline.Begun) { b.Evidence = []timeline.Evidence{timeline.MissedVerdicts} }), but(Observed, "entry")},
		"a verdict missing": {without(verdict("1", 1)), but(Observed, "1 in 1")},
		"the drop missing": {func(t *testing.T, events []timeline.Event) []timeline.Event {
			return without(func(e timeline.Event) bool {
				body, is := e.Body.(timeline.Judged)
				return is && body.Stream == "2" && !body.Accepted
			})(t, events)
		}, but(Observed, "2 in 3")},
		"a loss": {func(_ *testing.T, events []timeline.Event) []timeline.Event {
			return slices.Insert(events, len(events)-1, timeline.Event{Body: timeline.Missed{Host: "A", What: timeline.MissedVerdicts, Count: 1}})
		}, but(Observed, "never")},
	} {
		t.Run(name, func(t *testing.T) {
			events := slices.Clone(recordtest.Read(t, "ping"))
			body := events[0].Body.(timeline.Begun)
			body.Plan = slices.Clone(body.Plan)
			body.Plan[0].Predicted = append(slices.Clone(body.Plan[0].Predicted), timeline.Prediction{Host: "A", Flow: "1"}, timeline.Prediction{Host: "A", Never: "ssh"})
			events[0].Body = body
			r := Of(test.alter(t, events))
			got := map[string]Grade{}
			for _, x := range r.Experiments {
				for _, s := range x.Streams {
					if name := s.Stream + " in " + string(rune('0'+x.Number)); test.want[name] != "" {
						got[name] = s.Grade
					}
				}
			}
			predicted := r.Experiments[0].Predictions
			got["entry"], got["never"] = predicted[len(predicted)-2].Grade, predicted[len(predicted)-1].Grade
			if predicted[0].Grade != got["1 in 1"] {
				t.Errorf("the prediction is %s, what was observed %s", predicted[0].Grade, got["1 in 1"])
			}
			for claim, want := range test.want {
				if got[claim] != want {
					t.Errorf("%s: %q, want %q", claim, got[claim], want)
				}
			}
		})
	}
}
