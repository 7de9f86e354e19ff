package course_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lablab/fate"
	"lablab/internal/fatetest"
	"lablab/internal/nstest"
	"lablab/lab"
	"lablab/live"
	"lablab/plan"
	"lablab/render"
	"lablab/report"
	"lablab/sg"
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
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					f, places := fatetest.Random(seed)
					prove(t, f, places)
				})
			}
		})
	}
	for seed := range *changes {
		next <- seed
	}
	close(next)
	workers.Wait()
}

// What is said of the samples of changes is what happens on the kernel, in every order.
func TestSampleChanges(t *testing.T) {
	nstest.Kernel(t)
	files, err := filepath.Glob("../../plan/testdata/*.plan.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d samples: %v", len(files), err)
	}
	var proved atomic.Int32
	t.Run("all", func(t *testing.T) {
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				from, err := os.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				defer from.Close()
				p, err := plan.Read(file, from, plan.Options{})
				if err != nil {
					t.Fatal(err)
				}
				accounts := []*sg.Account{p.Before}
				for _, o := range p.Run() {
					accounts = append(accounts, o.Account)
				}
				flows := live.Representatives(accounts...)
				f := fate.Of(p, flows.All, fate.Options{Orders: 100, Hosts: flows.Hosts})
				proved.Add(int32(len(f.Representatives())))
				prove(t, f, f.Representatives())
			})
		}
	})
	if proved.Load() < 40 {
		t.Errorf("%d fates were proved", proved.Load())
	}
}

func prove(t *testing.T, f fate.Forecast, places []int) {
	t.Helper()
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
