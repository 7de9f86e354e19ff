package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"lablab/lab"
	"lablab/render"
	"lablab/report"
	"lablab/scenario"
	"lablab/timeline"
)

// A batch runs several scenarios in parallel, each in its own lab. If one fails, the others go on.
type batch struct {
	jobs int // at the same time
	// play runs the i-th scenario.
	play func(ctx context.Context, i int, sc *scenario.Scenario, log *timeline.Log) error
	// ended is called with each result as its scenario ends, one at a time. If it returns an error,
	// no further scenario starts.
	ended func(render.Result) error
	slim  bool // the result needs no details of each packet
	drop  bool // nor does it once it has been reported

	mu      sync.Mutex
	refused *lab.Unable // why the machine cannot build a lab
}

// run runs all scenarios and returns their results in the same order. Scenarios that ctx prevented
// are among them, as interrupted. Those that could not be judged, because there was too little
// processor time for all of them, are run again at the end, alone.
func (b *batch) run(ctx context.Context, scenarios []*scenario.Scenario) ([]render.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]render.Result, len(scenarios))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(b.jobs, len(scenarios)) {
		workers.Go(func() {
			for i := range next {
				results[i] = b.one(ctx, i, scenarios[i])
				if results[i].Verdict() != report.NotJudged {
					b.report(&results[i], cancel)
				}
			}
		})
	}
	for i := range scenarios {
		next <- i
	}
	close(next)
	workers.Wait()
	for i := range results {
		if results[i].Verdict() == report.NotJudged {
			b.again(ctx, i, scenarios[i], &results[i])
			b.report(&results[i], cancel)
		}
	}
	return results, context.Cause(ctx)
}

// again repeats a run that could not be judged, but not for ever.
func (b *batch) again(ctx context.Context, i int, sc *scenario.Scenario, r *render.Result) {
	const most = 2
	for n := 0; n < most && r.Verdict() == report.NotJudged && ctx.Err() == nil; n++ {
		*r = b.one(ctx, i, sc)
	}
}

// report reports the result of a scenario.
func (b *batch) report(r *render.Result, cancel context.CancelCauseFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ended(*r); err != nil {
		cancel(err) // the remaining results could not be written
	}
	if b.drop {
		r.Slim()
	}
}

// one runs one scenario, if ctx still allows it.
func (b *batch) one(ctx context.Context, i int, sc *scenario.Scenario) (r render.Result) {
	log := timeline.NewLog()
	defer func() {
		if p := recover(); p != nil {
			r = render.ResultOf(nil)
			r.Failed = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
		if r.Scenario == "" { // it did not even begin
			r.Scenario, r.Title, r.File, r.Question = sc.Name, sc.Title, sc.File, sc.Question
		}
	}()
	if ctx.Err() != nil {
		r = render.ResultOf(nil)
		r.Interrupted, r.InterruptBy = true, context.Cause(ctx).Error()
		return r
	}
	err := b.play(ctx, i, sc, log)
	r = render.ResultOf(log.Events())
	if err != nil && !r.Interrupted && r.Failed == "" {
		r.Break(err)
	}
	var unable *lab.Unable
	if errors.As(err, &unable) {
		b.mu.Lock()
		b.refused = unable
		b.mu.Unlock()
	}
	if b.slim {
		r.Slim()
	}
	return r
}
