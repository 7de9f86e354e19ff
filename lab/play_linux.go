package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"lablab/pinger"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// Run builds a lab for the scenario, plays it and takes the lab down. What
// happens goes into log, which is ended. If ctx ends first, the run
// is recorded as interrupted, with what was seen by then, and the cause of ctx
// is returned.
func Run(ctx context.Context, sc *scenario.Scenario, o Options, log *timeline.Log) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("play %s: panic: %v\n%s", sc.Name, p, debug.Stack())
			log.Append(timeline.Ended{Failed: err.Error()})
		}
	}()
	l, err := Build(ctx, sc, o, log)
	if err == nil {
		if err = l.Play(ctx, sc); err != nil {
			err = unableTo(playScenario, err)
		}
		l.hush()
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

// Play proves that the lab filters and goes through the experiments.
func (l *Lab) Play(ctx context.Context, sc *scenario.Scenario) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.broken, func() { cancel(context.Cause(l.broken)) })()
	if err := l.prove(ctx); err != nil {
		return err
	}
	l.log.Append(timeline.Ready{})
	for i, e := range sc.Experiments {
		l.log.Append(timeline.ExperimentBegun{Number: i + 1})
		played := l.play(ctx, e)
		// What was seen is recorded even if the experiment was cut short.
		if err := errors.Join(played, l.takeStock()); err != nil {
			return err
		}
		l.log.Append(timeline.ExperimentEnded{Number: i + 1})
	}
	for _, s := range l.streams {
		s.End()
	}
	return l.audit(ctx)
}

// play does what the experiment does while every stream is held, lets the
// packets pass, and returns when the fate of each is known.
func (l *Lab) play(ctx context.Context, e scenario.Experiment) error {
	running := len(l.streams)
	for _, action := range e.Do {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		switch a := action.(type) {
		case scenario.Ping:
			err = l.ping(ctx, a, e.For)
		case scenario.Revoke:
			err = l.Revoke(a.Group, a.Rules...)
		case scenario.Authorize:
			err = l.Authorize(a.Group, a.Direction, a.Rules...)
		case scenario.SetGroups:
			err = l.SetGroups(a.Host, a.Groups)
		default:
			err = fmt.Errorf("play %T: no such action", action)
		}
		if err != nil {
			return err
		}
	}
	for _, s := range l.streams[:running] {
		s.Let(e.For)
	}
	for _, s := range l.streams {
		if err := s.Settle(ctx); err != nil {
			return err
		}
	}
	l.verdicts.catchUp(ctx)
	return context.Cause(ctx)
}

// firstEchoID is the echo id of the first stream. Each has its own, so each is
// a flow of its own.
const firstEchoID = 1001

func (l *Lab) ping(ctx context.Context, a scenario.Ping, let int) error {
	from, err := l.host(a.From)
	if err != nil {
		return err
	}
	to, err := l.host(a.To)
	if err != nil {
		return err
	}
	id := uint16(firstEchoID + len(l.streams))
	target := to.Address.Addr()
	l.log.Append(timeline.StreamStarted{Stream: a.Stream, Protocol: sg.ICMP, From: a.From, To: a.To, Target: target, ICMPID: id})
	stream, err := l.verdicts.start(id, a.Stream, a.From, func() (*pinger.Stream, error) {
		return pinger.Start(ctx, from.ns, pinger.Config{
			Target: target, EchoID: id, Interval: l.interval,
			Observe: func(probe pinger.Probe) { l.observe(a.Stream, id, probe) },
		}, let)
	})
	if err != nil {
		return unableTo(openICMP, err)
	}
	l.streams = append(l.streams, stream)
	return nil
}

// observe records what the sender of a stream tells about a packet.
func (l *Lab) observe(stream string, id uint16, probe pinger.Probe) {
	switch probe.Fate {
	case pinger.Waiting:
		l.log.Append(timeline.Sent{Stream: stream, Seq: probe.Seq})
	case pinger.Replied, pinger.Late:
		l.log.Append(timeline.Replied{Stream: stream, Seq: probe.Seq, RTT: probe.RTT, Late: probe.Fate == pinger.Late})
		l.collector.now()
	case pinger.LocalDrop, pinger.SendError:
		local := probe.Fate == pinger.LocalDrop
		l.log.Append(timeline.NotSent{Stream: stream, Seq: probe.Seq, Local: local, Error: probe.Err.Error()})
		if !local {
			l.verdicts.notSent(id, probe.Seq)
		}
	}
}

// begun is what the timeline says about the run before anything happens.
func begun(sc *scenario.Scenario, o Options) timeline.Begun {
	b := timeline.Begun{
		Version: o.Version, Scenario: sc.Name, Title: sc.Title, Kernel: kernel(), Rootless: o.Rootless,
		Interval: o.Interval, Started: time.Now(),
	}
	for _, h := range sc.Hosts {
		b.Hosts = append(b.Hosts, timeline.Host{Name: h.Name, Address: h.Address, Groups: h.Groups})
	}
	for i, e := range sc.Experiments {
		plan := timeline.Plan{Number: i + 1, Title: e.Title, Packets: e.For}
		for _, a := range e.Do {
			plan.Do = append(plan.Do, a.String())
		}
		for _, x := range e.Expect {
			plan.Predicted = append(plan.Predicted, timeline.Prediction{Stream: x.Stream, Outcome: string(x.Outcome)})
		}
		b.Plan = append(b.Plan, plan)
	}
	return b
}

// kernel is the running kernel, as uname(2) tells it.
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
