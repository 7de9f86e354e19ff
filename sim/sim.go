// Package sim runs scenarios in memory: hosts, their security groups and network ACLs, conntrack and
// streams, on a clock that does not wait. It needs no kernel and no privilege, and the same scenario
// yields the same timeline each time. What it shows is how the kernel is known to behave, and no
// evidence of what a kernel did.
package sim

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"lablab/packet"
	"lablab/play"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// A Target runs scenarios in memory.
type Target struct {
	// Interval is the time between two packets of a stream.
	Interval time.Duration
	// Version is for the record: the version of lablab.
	Version string
}

// Build creates the hosts. The times of log are those of the session's clock.
func (t Target) Build(_ context.Context, sc *scenario.Scenario, log *timeline.Log) (play.Session, error) {
	s := &session{
		clock: &clock{}, log: log, interval: t.Interval, described: sc.Hosts, related: sc.Related,
		timeouts: sc.Timeouts, loose: sc.Loose, scale: cmp.Or(sc.TimeScale, 1), policy: play.PolicyOf(sc), rules: play.NewRecorder(log), byKey: map[packet.Key]*stream{}, asked: map[int]bool{},
	}
	log.KeepTime(func() time.Duration { return s.now })
	log.Append(play.Begun(sc, timeline.Begun{Version: t.Version, Target: timeline.InMemory, Evidence: timeline.AllEvidence(), Interval: t.Interval, Started: time.Unix(0, 0).UTC()}))
	if err := Check(sc); err != nil {
		return nil, err
	}
	for _, e := range sc.Experiments {
		for _, action := range e.Do {
			if a, ok := action.(scenario.Start); ok {
				s.asked[max(a.ID, a.SourcePort)] = true
			}
		}
	}
	for _, h := range sc.Hosts {
		s.hosts = append(s.hosts, newHost(h, s))
	}
	for _, h := range s.hosts {
		h.enforce()
	}
	s.rules.Begin(s.policy)
	return s, nil
}

// A session is a lab in memory.
type session struct {
	*clock
	log       *timeline.Log
	interval  time.Duration
	hosts     []*host
	described []scenario.Host
	timeouts  sg.Timeouts
	loose     bool    // as the scenario says, or changes it
	scale     float64 // of time, in a time-lapse
	related   string
	policy    play.Policy
	rules     *play.Recorder
	streams   []*stream
	byKey     map[packet.Key]*stream // the latest stream of each flow
	started   int                    // how many streams were started
	asked     map[int]bool           // echo ids and source ports that the scenario sets
	isn       uint32                 // initial sequence number of the last connection
	limit     *limit
}

// Prove has nothing to prove: rules in memory cannot be out of force.
func (s *session) Prove(context.Context) error { return nil }

// Sync has nothing to wait for.
func (s *session) Sync(context.Context) {}

// enough is how long packets on their way need to arrive, and their replies.
const enough = 40 * latency

// Release releases packets, stream by stream, and lets time pass until their fate is known.
func (s *session) Release(ctx context.Context, n int) error {
	for i, r := range s.streams {
		const apart = latency / 2
		r.release(n, time.Duration(i)*apart)
	}
	for _, r := range s.streams {
		r.settles(func() bool { return s.over(ctx) })
	}
	s.pass(enough) // what is on its way arrives before anything changes
	return context.Cause(ctx)
}

// Observe records the entries and the counters of each host.
func (s *session) Observe(context.Context) error {
	for _, h := range s.hosts {
		dumped := timeline.Dumped{Host: h.Name}
		for _, e := range h.table.entries() {
			dumped.Entries = append(dumped.Entries, h.table.shown(e))
		}
		s.log.Append(dumped)
		s.log.Append(h.counted())
	}
	return nil
}

// Audit finds nothing missed.
func (s *session) Audit(context.Context) error { return nil }

// A limit ends a context at a moment.
type limit struct {
	at  time.Duration
	end func()
}

// Limit counts virtual time.
func (s *session) Limit(ctx context.Context, after time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.limit = &limit{s.now + after, func() { cancel(cause) }}
	return ctx, func() { s.limit = nil; cancel(nil) }
}

// over reports whether ctx has ended, also because its time is over.
func (s *session) over(ctx context.Context) bool {
	if s.limit != nil && s.now >= s.limit.at {
		s.limit.end()
	}
	return ctx.Err() != nil
}

// Broken returns a context that never ends.
func (s *session) Broken() context.Context { return context.Background() }

// Explain has nothing to add.
func (s *session) Explain(err error) error { return err }

// Stop ends the streams, and lets their last packets arrive.
func (s *session) Stop() {
	for _, r := range s.streams {
		r.stop()
	}
	s.streams = nil
	s.pass(enough)
}

// Close has nothing to release.
func (s *session) Close() error { return nil }

// Do performs an action.
func (s *session) Do(ctx context.Context, action scenario.Action) error {
	switch a := action.(type) {
	case scenario.Start:
		return s.start(a)
	case scenario.Stop:
		_, err := s.stop(a.Stream)
		return err
	case scenario.Restart:
		return s.restart(a)
	case scenario.Change:
		return s.apply(a)
	case scenario.Configure:
		s.configure(a)
		return nil
	case scenario.Cut:
		s.cut(a)
		return nil
	case scenario.Forge:
		return s.forge(a)
	case scenario.Wait:
		return s.wait(ctx, a.For)
	}
	return say.Errorf("run %T: unknown action", action)
}

// wait lets time pass.
func (s *session) wait(ctx context.Context, d time.Duration) error {
	if s.limit != nil && s.now+d > s.limit.at {
		s.pass(s.limit.at - s.now)
		s.over(ctx)
		return context.Cause(ctx)
	}
	s.pass(d)
	s.log.Append(timeline.Waited{For: d})
	return nil
}

// host returns the host with that name.
func (s *session) host(name string) (*host, error) {
	i := slices.IndexFunc(s.hosts, func(h *host) bool { return h.Name == name })
	if i < 0 {
		return nil, say.Errorf("find host %s: the lab has no host of that name", name)
	}
	return s.hosts[i], nil
}

// start starts a stream, which is held until packets are released.
func (s *session) start(a scenario.Start) error {
	from, err := s.host(a.From)
	if err != nil {
		return err
	}
	to, err := s.host(a.To)
	if err != nil {
		return err
	}
	source, target, routed := from.Toward(to.Host, s.described)
	if !routed {
		return say.Errorf("start stream %s: %s has no route to %s", a.Stream, from.Name, target)
	}
	r := &stream{Start: a, session: s, from: from, to: to, key: s.key(a, source, target), size: a.Size, begun: map[uint32]int{}}
	started := timeline.StreamStarted{Stream: a.Stream, Protocol: r.key.Protocol, From: a.From, To: a.To, Source: source, Target: target}
	switch a.Protocol {
	case packet.ICMP:
		r.size = max(r.size, 0)
		if a.Size == 0 {
			r.size = usualPing
		}
		started.ICMPID = r.key.ICMPID
	default:
		if a.Size == 0 {
			r.size = usualMessage
		}
		started.SourcePort, started.Port = r.key.SourcePort, r.key.DestinationPort
		if !a.Unserved {
			at := netip.AddrPortFrom(target, r.key.DestinationPort)
			if to.listening[at] == nil {
				to.listening[at] = map[packet.Protocol]bool{}
			}
			to.listening[at][a.Protocol] = true
		}
	}
	s.log.Append(started)
	s.byKey[r.key] = r
	s.streams = append(s.streams, r)
	return nil
}

// The echo id or source port of the first stream. Each stream has its own, so each is its own flow.
const (
	firstEchoID = 1001
	firstPort   = 41001
)

// key returns the key of a stream's packets.
func (s *session) key(a scenario.Start, source, target netip.Addr) packet.Key {
	s.started++
	k := packet.Key{Protocol: a.Protocol, Source: source, Destination: target}
	number := func(n int) {
		if a.Protocol == packet.ICMP {
			k.ICMPID = uint16(n)
		} else {
			k.SourcePort = uint16(n)
		}
	}
	first := firstPort
	k.DestinationPort = uint16(a.Port)
	if a.Protocol == packet.ICMP {
		first, k.ICMPType = firstEchoID, echoRequest
		if source.Is6() {
			k.Protocol, k.ICMPType = packet.ICMPv6, echoRequestV6
		}
	}
	if asked := max(a.ID, a.SourcePort); asked > 0 {
		number(asked)
		return k
	}
	n := first + s.started - 1
	for number(n); s.asked[n] || s.byKey[k] != nil; number(n) {
		n++
	}
	return k
}

// stop ends a stream.
func (s *session) stop(name string) (*stream, error) {
	i := slices.IndexFunc(s.streams, func(r *stream) bool { return r.Stream == name })
	if i < 0 {
		return nil, say.Errorf("stop stream %s: it is not running", name)
	}
	r := s.streams[i]
	s.streams = slices.Delete(s.streams, i, i+1)
	s.log.Append(timeline.StreamStopped{Stream: name})
	r.stop()
	s.pass(enough) // for a reset, if there is one
	return r, nil
}

// restart ends a stream and starts an identical one.
func (s *session) restart(a scenario.Restart) error {
	r, err := s.stop(a.Stream)
	if err != nil {
		return err
	}
	again := r.Start
	again.Stream, again.ID, again.SourcePort = a.As, 0, 0
	if a.Same {
		again.ID, again.SourcePort = int(r.key.ICMPID), int(r.key.SourcePort)
	}
	return s.start(again)
}
