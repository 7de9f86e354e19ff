package play

import (
	"context"
	"sync"

	"lablab/enforce"
	"lablab/scenario"
	"lablab/timeline"
)

// A Compared run is a scenario under one model.
type Compared struct {
	Model enforce.Choice
	// Events are the timeline, also of a run that ended with an error; nil if the scenario cannot run
	// under the model, for which Err is the reason.
	Events []timeline.Event
	Err    error
}

// Compare runs a scenario under each model, that many at a time, and returns the runs in the order of
// the models. Target returns what builds the hosts of each.
func Compare(ctx context.Context, sc *scenario.Scenario, models []enforce.Choice, jobs int, target func(*scenario.Scenario) Target) []Compared {
	runs := make([]Compared, len(models))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(jobs, len(models)) {
		workers.Go(func() {
			for i := range next {
				runs[i] = under(ctx, sc, models[i], target)
			}
		})
	}
	for i := range models {
		next <- i
	}
	close(next)
	workers.Wait()
	return runs
}

// under runs a scenario under a model.
func under(ctx context.Context, sc *scenario.Scenario, m enforce.Choice, target func(*scenario.Scenario) Target) Compared {
	its, err := sc.Under(m)
	if err != nil {
		return Compared{Model: m, Err: err}
	}
	log := timeline.NewLog()
	err = Run(ctx, target(its), its, log)
	return Compared{Model: m, Events: log.Events(), Err: err}
}
