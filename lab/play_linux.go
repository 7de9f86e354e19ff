package lab

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/ns"
	"lablab/play"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A Target builds labs on this kernel.
type Target struct{ Options }

// Build creates the hosts of a scenario, as [Build] does.
func (t Target) Build(ctx context.Context, sc *scenario.Scenario, log *timeline.Log) (play.Session, error) {
	l, err := Build(ctx, sc, t.Options, log)
	if err != nil {
		return nil, err
	}
	return playSession{l}, nil
}

// Run builds a lab for the scenario, as it is on a kernel, runs it and takes the lab down ([play.Run]).
func Run(ctx context.Context, sc *scenario.Scenario, o Options, log *timeline.Log) error {
	return play.Run(ctx, Target{o}, sc.OnKernel(), log)
}

// A playSession is a lab as the engine sees it.
type playSession struct{ *Lab }

// Prove proves that the lab filters.
func (s playSession) Prove(ctx context.Context) error { return s.prove(ctx) }

// Release releases the packets of each stream. It returns when the kernel has reported the fate of
// each.
func (s playSession) Release(ctx context.Context, n int) error {
	for _, r := range s.streams {
		r.Let(n)
	}
	for _, r := range s.streams {
		if err := r.Settle(ctx); err != nil {
			return err
		}
	}
	s.recorder.catchUp(ctx)
	return nil
}

// Audit ends the streams and compares each host's whole conntrack table with its events.
func (s playSession) Audit(ctx context.Context) error {
	for _, r := range s.streams {
		r.End()
	}
	return s.audit(ctx)
}

// Limit counts only time in which this process ran.
func (s playSession) Limit(ctx context.Context, after time.Duration, cause error) (context.Context, context.CancelFunc) {
	return ns.WithPatience(ctx, after, cause)
}

// Explain says what the machine lacks, if that is the cause.
func (s playSession) Explain(err error) error {
	if full := full(s.hosts...); full != nil {
		err = full
	}
	if err == nil {
		return nil
	}
	return unableTo(playScenario, err)
}

// Stop stops the traffic and collects its last verdicts and events.
func (s playSession) Stop() { s.stopTraffic() }

// Do performs one action.
func (s playSession) Do(ctx context.Context, action scenario.Action) error { return s.do(ctx, action) }

// do performs one action. The streams that it starts run until the lab is closed.
func (l *Lab) do(ctx context.Context, action scenario.Action) error {
	switch a := action.(type) {
	case scenario.Start:
		return l.start(l.broken, a)
	case scenario.Stop:
		_, err := l.stop(a.Stream)
		return err
	case scenario.Restart:
		return l.restart(l.broken, a)
	case scenario.Change:
		_, err := l.Apply(ctx, a.Change)
		return err
	case scenario.Configure:
		return l.configure(a)
	case scenario.Cut:
		return l.cut(a)
	case scenario.Forge:
		return l.forge(ctx, a)
	case scenario.Exec:
		return l.exec(ctx, a)
	case scenario.Wait:
		select {
		case <-time.After(a.For):
			l.awaitRevisions(ctx)
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
	return l.Configure(s, a.Loose != nil)
}

// cut deletes the entries that the action selects.
func (l *Lab) cut(a scenario.Cut) error {
	_, err := l.Cut(a.Host, func(e flow.Entry) bool {
		switch {
		case a.Stream != "":
			return l.recorder.belongs(e.Orig, a.Stream)
		case a.AdmittedBy != "":
			admitted, _ := l.rules.Known(e.Mark)
			released, _ := l.rules.Known(e.Released)
			return admitted.ID == a.AdmittedBy || released.ID == a.AdmittedBy // l.changing is held
		}
		return true
	})
	return err
}

// kernel returns the release of the running kernel (uname(2)).
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
