package lab

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/ns"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// Run builds a lab for the scenario, runs it and takes the lab down. It records what happens in
// log, which it ends. If ctx ends first, Run records the run as interrupted, with what was seen by
// then, and returns the cause of ctx.
func Run(ctx context.Context, sc *scenario.Scenario, o Options, log *timeline.Log) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = say.Errorf("run %s: panic: %v\n%s", sc.Name, p, debug.Stack())
			log.Append(timeline.Ended{Failed: err.Error()})
		}
	}()
	l, err := Build(ctx, sc, o, log)
	if err == nil {
		if err = l.Play(ctx, sc); err != nil {
			err = unableTo(playScenario, err)
		}
		l.stopTraffic()
	}
	var ended timeline.Ended
	switch {
	case ctx.Err() != nil:
		log.Append(timeline.Interrupted{By: context.Cause(ctx).Error()})
	case err != nil:
		ended.Failed = err.Error()
	}
	log.Append(ended)
	if l != nil {
		err = errors.Join(err, l.Close())
	}
	return err
}

// Play proves that the lab filters and runs the experiments.
func (l *Lab) Play(ctx context.Context, sc *scenario.Scenario) (err error) {
	defer func() {
		if full := full(l.hosts...); full != nil {
			err = full
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.broken, func() { cancel(context.Cause(l.broken)) })()
	if err := l.prove(ctx); err != nil {
		return err
	}
	l.log.Append(timeline.Ready{})
	for i, e := range sc.Experiments {
		l.collector.sync(ctx) // so that reports on the proof do not count for the experiment
		l.log.Append(timeline.ExperimentBegun{Number: i + 1})
		played := l.play(ctx, e)
		// What was seen is recorded even if the experiment was cut short.
		if err := l.Observe(ctx); err != nil {
			return errors.Join(played, err)
		}
		if errors.Is(played, errTooLate) {
			l.log.Append(timeline.TimedOut{Within: e.Within})
			break // the following experiments would no longer test what they should
		}
		if played != nil {
			return played
		}
		l.log.Append(timeline.ExperimentEnded{Number: i + 1})
	}
	for _, s := range l.streams {
		s.End()
	}
	return l.audit(ctx)
}

var errTooLate = say.New("the experiment exceeded its time limit")

// play performs the actions of an experiment while every stream is held, then releases the packets.
// It returns when the fate of each packet is known.
func (l *Lab) play(ctx context.Context, e scenario.Experiment) error {
	lasting := ctx // for the streams, which continue
	if e.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = ns.WithPatience(ctx, e.Within, errTooLate)
		defer cancel()
	}
	for _, action := range e.Do {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.collector.sync(ctx)
		if err := l.do(ctx, lasting, action); err != nil {
			return err
		}
	}
	l.collector.sync(ctx)
	for _, s := range l.streams {
		s.Let(e.For)
	}
	for _, s := range l.streams {
		if err := s.Settle(ctx); err != nil {
			return err
		}
	}
	l.recorder.catchUp(ctx)
	return context.Cause(ctx)
}

// do performs one action. The streams that it starts run until lasting is done.
func (l *Lab) do(ctx, lasting context.Context, action scenario.Action) error {
	switch a := action.(type) {
	case scenario.Start:
		return l.start(lasting, a)
	case scenario.Stop:
		_, err := l.stop(a.Stream)
		return err
	case scenario.Restart:
		return l.restart(lasting, a)
	case scenario.Change:
		_, err := l.Apply(ctx, a.Change)
		return err
	case scenario.Configure:
		return l.configure(a)
	case scenario.Cut:
		return l.cut(a)
	case scenario.Exec:
		return l.exec(ctx, a)
	case scenario.Wait:
		select {
		case <-time.After(a.For):
			l.log.Append(timeline.Waited{For: a.For})
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return say.Errorf("run %T: unknown action", action)
}

func (l *Lab) configure(a scenario.Configure) error {
	s := l.settings
	if a.Timeouts != nil {
		s.Timeouts = *a.Timeouts
	}
	if a.Loose != nil {
		s.Loose = *a.Loose
	}
	return l.Configure(s)
}

// cut deletes the entries that the action selects.
func (l *Lab) cut(a scenario.Cut) error {
	_, err := l.Cut(a.Host, func(e flow.Entry) bool {
		switch {
		case a.Stream != "":
			return l.recorder.belongs(e.Orig, a.Stream)
		case a.AdmittedBy != "":
			return l.known[e.Mark].ID == a.AdmittedBy || l.known[e.Released].ID == a.AdmittedBy // l.changing is held
		}
		return true
	})
	return err
}

// begun returns the timeline's record of the run's setup.
func begun(sc *scenario.Scenario, o Options) timeline.Begun {
	b := timeline.Begun{
		Version: o.Version, Scenario: sc.Name, Title: sc.Title, File: sc.File, Question: sc.Question, Kernel: kernel(), Rootless: o.Rootless,
		Interval: o.Interval, TimeScale: sc.TimeScale, Started: time.Now(), Timed: true,
	}
	for _, h := range sc.Hosts {
		b.Hosts = append(b.Hosts, timeline.Host{
			Name: h.Name, Address: h.Address, Groups: h.Groups, Second: h.Second, Routes: h.Routes, Forwards: h.Forwards, Masquerade: h.Masquerade, Unchecked: h.Unchecked,
		})
	}
	for _, f := range sc.LeftOut {
		b.LeftOut = append(b.LeftOut, f.Said().String())
	}
	for i, e := range sc.Experiments {
		plan := timeline.Plan{Number: i + 1, Title: e.Title, Packets: e.For, Line: e.Line, Within: e.Within}
		for _, a := range e.Do {
			plan.Do, plan.Doing = append(plan.Do, a.Said().String()), append(plan.Doing, a.Said().Keep())
		}
		for _, x := range e.Expect {
			plan.Predicted = append(plan.Predicted, predictionOf(x))
		}
		b.Plan = append(b.Plan, plan)
	}
	return b
}

func predictionOf(x scenario.Expectation) timeline.Prediction {
	return timeline.Prediction{
		Line: x.Line, Column: x.Column,
		Stream: x.Stream, Outcome: string(x.Outcome), Received: (*timeline.Amount)(x.Received), Refused: (*timeline.Amount)(x.Refused),
		First: x.First, By: x.By, Tracked: x.Tracked,
		Host: x.Host, Flow: x.Flow, Absent: x.Absent, AdmittedBy: x.AdmittedBy, ReleasedBy: x.ReleasedBy, Hit: x.Hit, Never: x.Never,
	}
}

// kernel returns the release of the running kernel (uname(2)).
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
