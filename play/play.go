// Package play runs a scenario: in each experiment it performs the actions while every stream is
// held, then lets packets pass until the fate of each is known. It does not know what the hosts are
// made of: a [Target] builds them.
package play

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A Target builds the hosts of a scenario and what connects and guards them.
type Target interface {
	// Build records the timeline's first event, made with [Begun], and everything that happens from
	// then on.
	Build(ctx context.Context, sc *scenario.Scenario, log *timeline.Log) (Session, error)
}

// A Session is what a target has built for one scenario. Its methods are called by one goroutine,
// and each returns early if ctx ends.
type Session interface {
	// Prove proves that packets are filtered, and records the proof.
	Prove(ctx context.Context) error
	// Sync returns once everything that has happened so far is recorded.
	Sync(ctx context.Context)
	// Do performs an action. A stream that it starts sends nothing until packets are released.
	Do(ctx context.Context, action scenario.Action) error
	// Release lets each stream send n more packets, and returns once the fate of each is known.
	Release(ctx context.Context, n int) error
	// Observe records the conntrack entries and the counters of each host.
	Observe(ctx context.Context) error
	// Audit ends the streams and records what was missed so far.
	Audit(ctx context.Context) error
	// Limit returns a context that ends with that cause after some time, by the session's own clock.
	Limit(ctx context.Context, after time.Duration, cause error) (context.Context, context.CancelFunc)
	// Broken returns a context that ends when the session fails by itself, with the failure as its
	// cause.
	Broken() context.Context
	// Explain returns the error with which playing ended, or a better one if the session knows its
	// cause; also where playing did not notice it.
	Explain(err error) error
	// Stop ends the traffic and records the last of it.
	Stop()
	// Close releases everything.
	Close() error
}

// Run has the target build the scenario, plays it and closes the session. It records what happens in
// log, which it ends. If ctx ends first, Run records the run as interrupted, with what was seen by
// then, and returns the cause of ctx.
func Run(ctx context.Context, target Target, sc *scenario.Scenario, log *timeline.Log) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = say.Errorf("run %s: panic: %v\n%s", sc.Name, p, debug.Stack())
			log.Append(timeline.Ended{Failed: err.Error()})
		}
	}()
	s, err := target.Build(ctx, sc, log)
	if err == nil {
		err = s.Explain(Play(ctx, s, sc, log))
		s.Stop()
	}
	var ended timeline.Ended
	switch {
	case ctx.Err() != nil:
		log.Append(timeline.Interrupted{By: context.Cause(ctx).Error()})
	case err != nil:
		ended.Failed = err.Error()
	}
	log.Append(ended)
	if s != nil {
		err = errors.Join(err, s.Close())
	}
	return err
}

var errTooLate = say.New("the experiment exceeded its time limit")

// Play proves that packets are filtered and runs the experiments.
func Play(ctx context.Context, s Session, sc *scenario.Scenario, log *timeline.Log) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	broken := s.Broken()
	defer context.AfterFunc(broken, func() { cancel(context.Cause(broken)) })()
	if err := s.Prove(ctx); err != nil {
		return err
	}
	log.Append(timeline.Ready{})
	for i, e := range sc.Experiments {
		s.Sync(ctx) // so that reports on the proof do not count for the experiment
		log.Append(timeline.ExperimentBegun{Number: i + 1})
		played := experiment(ctx, s, e)
		// What was seen is recorded even if the experiment was cut short.
		if err := s.Observe(ctx); err != nil {
			return errors.Join(played, err)
		}
		if errors.Is(played, errTooLate) {
			log.Append(timeline.TimedOut{Within: e.Within})
			break // the following experiments would no longer test what they should
		}
		if played != nil {
			return played
		}
		log.Append(timeline.ExperimentEnded{Number: i + 1})
	}
	return s.Audit(ctx)
}

// experiment performs the actions of an experiment while every stream is held, then releases the
// packets.
func experiment(ctx context.Context, s Session, e scenario.Experiment) error {
	if e.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = s.Limit(ctx, e.Within, errTooLate)
		defer cancel()
	}
	for _, action := range e.Do {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.Sync(ctx)
		if err := s.Do(ctx, action); err != nil {
			return err
		}
	}
	s.Sync(ctx)
	if err := s.Release(ctx, e.For); err != nil {
		return err
	}
	return context.Cause(ctx)
}
