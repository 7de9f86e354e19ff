package sim_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lablab/internal/claimtest"
	"lablab/play"
	"lablab/render"
	"lablab/report"
	"lablab/scenario"
	"lablab/sim"
	"lablab/timeline"
)

// run runs a scenario in memory, and checks what its record and its explanation say.
func run(t testing.TB, sc *scenario.Scenario, interval time.Duration) ([]timeline.Event, *report.Report) {
	t.Helper()
	log := timeline.NewLog()
	if err := play.Run(t.Context(), sim.Target{Interval: interval}, sc, log); err != nil {
		t.Fatal(err)
	}
	if err := timeline.Check(log.Events()); err != nil {
		t.Error(err)
	}
	r := report.Of(log.Events())
	claimtest.Check(t, log.Events(), r)
	claimtest.CheckOrder(t, log.Events())
	return log.Events(), r
}

func expect(t *testing.T, r *report.Report, held bool) {
	t.Helper()
	if r.Held != held || r.Missed != (report.Missed{}) {
		t.Errorf("held %v, want %v; missed %+v", r.Held, held, r.Missed)
		_ = render.NewText(os.Stderr, 120, nil).All(r)
	}
}

// What the page asks about each scenario of the course: the experiment, the stream, and the truth.
var asked = map[string]string{
	"ping":            "2 1 It goes on: 9 of 9 packets answered.",
	"restart":         "3 2 It gets no answer: 0 of 5 packets answered.",
	"idle":            "4 1 It stops: 0 of 5 packets answered.",
	"dropped":         "3 1 It goes on: 5 of 5 packets answered.",
	"egress":          "1 1 It is answered: 10 of 10 packets answered.",
	"cut":             "3 ping It stops: 0 of 5 packets answered.",
	"download":        "3 download It goes on: 5 of 5 packets answered.",
	"tombstone":       "3 download It stops: 0 of 5 packets answered.",
	"acl":             "2 1 It stops: 0 of 5 packets answered.",
	"ssh-from-office": "2 session It goes on: 10 of 10 packets answered.",
	"ssh-from-world":  "2 session It stops: 0 of 10 packets answered.",
	"udp":             "2 first They are answered: 5 of 5 packets answered.",
	"reference":       "2 member It goes on: 5 of 5 packets answered.",
	"swap":            "2 in It goes on: 10 of 10 packets answered.",
	"quarantine":      "2 ssh It goes on: 5 of 5 packets answered.",
	"order":           "2 ping It goes on: 5 of 5 packets answered.",
	"ipv6":            "1 ssh It fails: 0 of 5 packets answered.",
	"related":         "1 query They get no answer: 0 of 5 packets answered.",
	"nat":             "1 first It fails: 0 of 5 packets answered.",
	"nat-gateway":     "2 plain It stops: 0 of 1 packets answered.",
	"poisoning":       "2 unasked They are answered: 5 of 5 packets answered.",
	"port-reuse":      "2 query-2 They are answered: 5 of 5 packets answered.",
}

// Every scenario of the course holds, and has a question.
func TestCourse(t *testing.T) {
	for _, name := range scenario.Builtins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, _ := scenario.Builtin(name)
			_, r := run(t, sc, 10*time.Millisecond)
			expect(t, r, true)
			if r.Ask == nil {
				t.Fatal("nothing is asked")
			}
			if got := fmt.Sprintf("%d %s %s", r.Ask.Experiment, r.Ask.Stream, r.Ask.Outcome); got != asked[name] {
				t.Errorf("asked: %s, want %s", got, asked[name])
			}
		})
	}
}

// Cases that once went wrong end as they do on a kernel.
func TestOddScenarios(t *testing.T) {
	files, err := filepath.Glob("../lab/testdata/odd/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			sc, err := scenario.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if sim.Check(sc) != nil {
				return
			}
			_, r := run(t, sc, time.Millisecond)
			expect(t, r, filepath.Base(filepath.Dir(file)) == "held")
		})
	}
}
