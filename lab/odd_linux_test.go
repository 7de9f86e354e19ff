package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/report"
	"lablab/scenario"
)

// Cases that once went wrong, or that we were once wrong about.
func TestOddScenarios(t *testing.T) {
	nstest.Kernel(t)
	files, err := filepath.Glob("testdata/odd/*/*.yaml")
	must(t, err)
	for _, file := range files {
		want := filepath.Base(filepath.Dir(file)) == "held"
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			sc, err := scenario.Load(file)
			must(t, err)
			for _, interval := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond} {
				r := run(t, sc, interval)
				if r.Held != want || r.Missed != (report.Missed{}) {
					t.Errorf("at %s: held %v, want %v; missed %+v", interval, r.Held, want, r.Missed)
					_ = report.NewText(os.Stderr, 120, nil).All(r)
				}
			}
		})
	}
}
