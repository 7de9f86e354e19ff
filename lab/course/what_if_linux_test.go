package course_test

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"lablab/internal/fatetest"
	"lablab/internal/nstest"
	"lablab/lab"
	"lablab/render"
	"lablab/report"
	"lablab/timeline"
)

var changes = flag.Uint64("changes", 84, "how many random changes to play")

// What is said of random flows under random changes is what happens on the kernel.
func TestRandomChanges(t *testing.T) {
	nstest.Kernel(t)
	const jobs = 16
	var workers sync.WaitGroup
	next := make(chan uint64)
	for range jobs {
		workers.Go(func() {
			for seed := range next {
				t.Run(fmt.Sprint(seed), func(t *testing.T) { prove(t, seed) })
			}
		})
	}
	for seed := range *changes {
		next <- seed
	}
	close(next)
	workers.Wait()
}

func prove(t *testing.T, seed uint64) {
	f, places := fatetest.Random(seed)
	for _, p := range f.Proofs(places) {
		sc, err := p.Scenario()
		if err != nil {
			t.Fatal(err)
		}
		log := timeline.NewLog()
		if err := lab.Run(t.Context(), sc, lab.Options{Interval: 2 * time.Millisecond}, log); err != nil {
			t.Fatal(err)
		}
		r := report.Of(log.Events())
		if !r.Held {
			t.Errorf("\n%s", p.Text)
			_ = render.NewText(os.Stderr, 120, nil).All(r)
		}
	}
}
