package lab

import (
	"context"
	"time"

	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/timeline"
)

// A collector reads the kernel's reports on all hosts. The kernel does not wake it up, because that
// would slow down the very packet that is being reported. Instead it polls whenever a reply was
// received, and at intervals for the packets that get none.
type collector struct {
	sources []source
	come    chan struct{}
	asked   chan chan struct{}
	rounds  time.Duration // between two polls without a request
	order   *order
}

// A source delivers the verdicts or the events of one host.
type source struct {
	drain  func() error
	close  func() error
	missed func(int)
}

// watch starts listening to the verdicts and the conntrack events of each host.
func (l *Lab) watch() (err error) {
	const most = 20 * time.Millisecond
	c := &collector{come: make(chan struct{}, 1), asked: make(chan chan struct{}), rounds: min(l.interval, most), order: newOrder(l.hosts, l.recorder)}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for i, h := range l.hosts { // before the verdicts: see queue.event
		events, err := conntrack.OpenWatch(h.ns)
		if err != nil {
			return unableTo(openEvents, err)
		}
		missed := func(n int) { l.recorder.missed(h.Name, timeline.MissedEvents, n) }
		see := func(e conntrack.Event) {
			e.Entry = h.unmarked(e.Entry)[0]
			c.order.queues[i].event(e)
		}
		c.sources = append(c.sources, source{func() error { return events.Drain(see, missed) }, events.Close, missed})
	}
	for i, h := range l.hosts {
		trace, err := h.trace()
		if err != nil {
			return unableTo(openTrace, err)
		}
		missed := func(n int) { l.recorder.missed(h.Name, timeline.MissedVerdicts, n) }
		see := func(v nft.Verdict) {
			l.reportBlocked(h, v)
			c.order.queues[i].verdict(v)
		}
		c.sources = append(c.sources, source{func() error { return trace.Drain(see, missed) }, trace.Close, missed})
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.watching, l.unwatch = ctx, cancel
	l.collector = c
	l.watchers.Go(func() {
		defer l.survive()
		c.run(ctx)
	})
	l.watchers.Go(func() {
		defer l.survive()
		newPulse(readClocks()).run(ctx, l.log)
	})
	return nil
}

// trace opens the trace of a host.
func (h *Host) trace() (*nft.Trace, error) {
	if h.own != nil {
		return h.own.Trace()
	}
	return h.rules.Trace()
}

// now makes the collector poll at once.
func (c *collector) now() {
	select {
	case c.come <- struct{}{}:
	default: // a poll is pending already
	}
}

// sync returns once everything that the kernel has reported by now is collected. Later reports
// belong to later events.
func (c *collector) sync(ctx context.Context) {
	done := make(chan struct{})
	select {
	case c.asked <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// run collects until ctx is done. A source that fails misses everything after that, and run records
// the loss.
func (c *collector) run(ctx context.Context) {
	tick := time.NewTicker(c.rounds)
	defer tick.Stop()
	defer c.close()
	for ctx.Err() == nil {
		c.collect()
		select {
		case <-c.come:
		case done := <-c.asked:
			if c.collect() {
				c.collect()
			}
			close(done)
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if c.collect() { // the last reports
		c.collect()
	}
}

// collect polls all sources once. It returns whether anything is still to be recorded, in the next
// round.
func (c *collector) collect() (waiting bool) {
	for i := range c.sources {
		s := &c.sources[i]
		if s.drain == nil {
			continue
		}
		if err := s.drain(); err != nil {
			s.missed(1)
			s.drain = nil
		}
	}
	return c.order.rounded()
}

func (c *collector) close() {
	for _, s := range c.sources {
		_ = s.close()
	}
}
