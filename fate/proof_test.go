package fate_test

import (
	"path/filepath"
	"testing"
	"time"

	"lablab/fate"
	"lablab/play"
	"lablab/report"
	"lablab/sim"
	"lablab/timeline"
)

// prove plays proofs in memory.
func prove(t *testing.T, f fate.Forecast, places []int) {
	t.Helper()
	for _, p := range f.Proofs(places) {
		sc, err := p.Scenario()
		if err != nil {
			t.Errorf("%v\n%s", err, p.Text)
			continue
		}
		log := timeline.NewLog()
		if err := play.Run(t.Context(), sim.Target{Interval: time.Millisecond}, sc, log); err != nil {
			t.Errorf("%v\n%s", err, p.Text)
			continue
		}
		r := report.Of(log.Events())
		for _, x := range r.Experiments {
			for _, p := range x.Predictions {
				if !p.Held {
					t.Errorf("experiment %d: %s: predicted %s, observed %s", x.Number, p.Subject, p.Predicted, p.Observed)
				}
			}
		}
		if !r.Held {
			t.Errorf("\n%s", p.Text)
		}
	}
}

// What is said of the samples is what happens in memory.
func TestProofsOfSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../plan/testdata/*.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	proofs := 0
	for _, file := range files {
		p := read(t, file)
		f := fate.Of(p, toEach(p), fate.Options{Orders: 100})
		proofs += len(f.Representatives())
		prove(t, f, f.Representatives())
	}
	if proofs < 20 {
		t.Errorf("%d fates", proofs)
	}
}
