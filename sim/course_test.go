package sim_test

import (
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

// Every scenario of the course holds.
func TestCourse(t *testing.T) {
	for _, name := range scenario.Builtins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, _ := scenario.Builtin(name)
			_, r := run(t, sc, 10*time.Millisecond)
			expect(t, r, true)
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
