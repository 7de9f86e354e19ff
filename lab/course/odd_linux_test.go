package course_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/scenario"
)

// Cases that once went wrong, or that we were once wrong about.
func TestOddScenarios(t *testing.T) {
	nstest.Kernel(t)
	files, err := filepath.Glob("../testdata/odd/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		want := filepath.Base(filepath.Dir(file)) == "held"
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			sc, err := scenario.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, interval := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
				t.Log("at", interval)
				expect(t, run(t, sc, interval), want)
			}
		})
	}
}
