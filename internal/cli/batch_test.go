package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lablab/lab"
	"lablab/play"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sim"
	"lablab/timeline"
)

// named returns scenarios with these names.
func named(names ...string) []*scenario.Scenario {
	var all []*scenario.Scenario
	for _, name := range names {
		all = append(all, &scenario.Scenario{Name: name, Title: name + "!"})
	}
	return all
}

// pretend behaves as the name of the scenario says.
func pretend(_ context.Context, _ int, sc *scenario.Scenario, log *timeline.Log) error {
	if sc.Name == "panic" {
		panic("on purpose")
	}
	log.Append(timeline.Begun{Scenario: sc.Name, Plan: []timeline.Plan{{Number: 1, Packets: 1, Predicted: []timeline.Prediction{{Stream: "1", Outcome: sc.Name}}}}})
	var err error
	switch sc.Name {
	case "unable":
		err = &lab.Unable{Lacks: say.As("something"), Hint: say.As("get it")}
	case "broken":
		err = errors.New("it broke")
	case "unrecorded":
		return errors.New("the last moment")
	}
	if err != nil {
		log.Append(timeline.Ended{Failed: err.Error()})
		return err
	}
	for _, body := range []timeline.Body{
		timeline.ExperimentBegun{Number: 1}, timeline.StreamStarted{Stream: "1"}, timeline.Sent{Stream: "1", Seq: 1},
		timeline.Replied{Stream: "1", Seq: 1}, timeline.ExperimentEnded{Number: 1}, timeline.Ended{},
	} {
		log.Append(body)
	}
	return nil
}

// If one scenario fails, the others still run.
func TestBatch(t *testing.T) {
	names := []string{"replied", "panic", "refused", "broken", "unable", "unrecorded", "replied"}
	want := []report.Verdict{report.Held, report.Broken, report.NotHeld, report.Broken, report.Broken, report.Broken, report.Held}
	for _, jobs := range []int{1, 3, 100} {
		reported := 0
		b := &batch{jobs: jobs, play: pretend, ended: func(render.Result) error { reported++; return nil }}
		results, err := b.run(t.Context(), named(names...))
		if err != nil {
			t.Fatal(err)
		}
		var got []report.Verdict
		for i, r := range results {
			got = append(got, r.Verdict())
			if r.Scenario != names[i] {
				t.Errorf("result %d is of %q, want %q", i, r.Scenario, names[i])
			}
		}
		if !slices.Equal(got, want) || reported != len(names) {
			t.Errorf("%d jobs: %q, want %q; %d reported", jobs, got, want, reported)
		}
		if b.refused == nil || b.refused.Hint.String() != "get it" {
			t.Errorf("refused by %v", b.refused)
		}
	}
}

// What was not judged is run again, alone and after the others, and told once.
func TestBatchRepeatsWhatWasNotJudged(t *testing.T) {
	for _, c := range []struct {
		failing int // how often the scenario could not be judged
		plays   int32
		want    report.Verdict
	}{{0, 1, report.Held}, {1, 2, report.Held}, {2, 3, report.Held}, {3, 3, report.NotJudged}} {
		var plays, now atomic.Int32
		b := &batch{jobs: 3}
		var told []string
		b.ended = func(r render.Result) error {
			told = append(told, r.Scenario+" "+string(r.Verdict()))
			return nil
		}
		b.play = func(_ context.Context, _ int, sc *scenario.Scenario, log *timeline.Log) error {
			beside := now.Add(1) > 1
			defer now.Add(-1)
			if sc.Name != "timed" {
				return pretend(t.Context(), 0, sc, log)
			}
			n := plays.Add(1)
			if n > 1 && beside {
				t.Error("it is not run alone")
			}
			log.Append(timeline.Begun{Scenario: sc.Name, Hosts: []timeline.Host{{Name: "A"}}, Plan: []timeline.Plan{{Number: 1, Do: []string{"run true"}}}})
			log.Append(timeline.ExperimentBegun{Number: 1})
			exit := 0
			if int(n) <= c.failing {
				exit = 1
				log.Append(timeline.Halted{For: time.Second, Within: time.Second})
			}
			log.Append(timeline.Ran{Host: "A", Command: []string{"true"}, Exit: exit})
			log.Append(timeline.ExperimentEnded{Number: 1})
			log.Append(timeline.Ended{})
			return nil
		}
		results, err := b.run(t.Context(), named("replied", "timed", "replied", "replied"))
		if err != nil || results[1].Verdict() != c.want || plays.Load() != c.plays {
			t.Errorf("not judged %d times: %v, %s after %d runs, want %s after %d", c.failing, err, results[1].Verdict(), plays.Load(), c.want, c.plays)
		}
		if slices.Sort(told); !slices.Equal(told, []string{"replied held", "replied held", "replied held", "timed " + string(c.want)}) {
			t.Errorf("told %q", told)
		}
	}
}

func TestBatchPlaysSoManyAtATime(t *testing.T) {
	var now, most atomic.Int32
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprint(i))
	}
	b := &batch{jobs: 3, ended: func(render.Result) error { return nil }, play: func(context.Context, int, *scenario.Scenario, *timeline.Log) error {
		most.Store(max(most.Load(), now.Add(1)))
		now.Add(-1)
		return nil
	}}
	if _, err := b.run(t.Context(), named(names...)); err != nil || most.Load() > 3 || most.Load() < 1 {
		t.Errorf("%v, %d at a time", err, most.Load())
	}
}

// After a signal no further scenario starts, and each is accounted for.
func TestBatchInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	b := &batch{jobs: 1, play: pretend, ended: func(render.Result) error { cancel(interrupt{syscall.SIGTERM}); return nil }}
	results, err := b.run(ctx, named("replied", "replied", "refused"))
	if !errors.Is(err, interrupt{syscall.SIGTERM}) {
		t.Error(err)
	}
	if results[0].Verdict() != report.Held || results[1].Verdict() != report.Interrupted || results[2].InterruptBy != "SIGTERM" || results[2].Title != "refused!" {
		t.Errorf("%+v", results[2].Report)
	}
}

// If a result cannot be written, no further scenario starts.
func TestBatchUnheard(t *testing.T) {
	played := 0
	b := &batch{jobs: 1, ended: func(render.Result) error { return syscall.EPIPE }, play: func(context.Context, int, *scenario.Scenario, *timeline.Log) error {
		played++
		return nil
	}}
	if _, err := b.run(t.Context(), named("a", "b", "c")); !errors.Is(err, syscall.EPIPE) || played != 1 {
		t.Errorf("%v, played %d", err, played)
	}
}

// What has been written need not be kept: there may be thousands of runs.
func TestBatchDropsDetails(t *testing.T) {
	t.Parallel()
	packets := func(r render.Result) (n int) {
		for _, s := range r.Streams {
			n += len(s.Packets)
		}
		return n
	}
	sc, _ := scenario.Builtin("ping")
	b := &batch{jobs: 1, drop: true, play: func(ctx context.Context, _ int, sc *scenario.Scenario, log *timeline.Log) error {
		return play.Run(ctx, sim.Target{Interval: time.Millisecond}, sc, log)
	}}
	b.ended = func(r render.Result) error {
		if packets(r) == 0 || len(r.Timeline) == 0 {
			t.Errorf("%d packets and %d events are written", packets(r), len(r.Timeline))
		}
		return nil
	}
	results, err := b.run(t.Context(), []*scenario.Scenario{sc})
	if err != nil || packets(results[0]) > 0 || len(results[0].Timeline) > 0 {
		t.Errorf("%v; %d packets and %d events are kept", err, packets(results[0]), len(results[0].Timeline))
	}
}
