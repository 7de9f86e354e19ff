package lab

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lablab/timeline"
)

// A pulse ticks while this process runs, and notices when it does not.
type pulse struct {
	mu      sync.Mutex
	at      clocks        // of the last tick
	waiting time.Duration // until when nothing happens that could be late, by the clock of those awake
	pending timeline.Halted
}

// A clocks reading is the time since some moment by two clocks: one stands still while the machine is
// asleep (CLOCK_MONOTONIC and CLOCK_BOOTTIME, clock_gettime(2)).
type clocks struct{ awake, all time.Duration }

// beat is the time between two ticks.
const beat = 20 * time.Millisecond

func newPulse(at clocks) *pulse { return &pulse{at: at} }

func readClocks() clocks {
	var awake, all unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) // both exist since Linux 2.6.39
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &all)
	return clocks{time.Duration(awake.Nano()), time.Duration(all.Nano())}
}

// run records in log when this process did not run, until ctx is done.
func (p *pulse) run(ctx context.Context, log *timeline.Log) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		runtime.Gosched() // timers come before everything else in this process
		if halted := p.tick(readClocks()); halted.For > 0 {
			log.Append(halted)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// wait waits that long. Meanwhile nothing can be late, only what follows.
func (p *pulse) wait(ctx context.Context, long time.Duration) error {
	p.rest(readClocks(), long)
	select {
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pulse) rest(now clocks, long time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = now.awake + long
}

// tick returns how long the process did not run since the last event, once that is notable. Short
// delays add up.
func (p *pulse) tick(now clocks) timeline.Halted {
	const usual, notable = 5 * time.Millisecond, 250 * time.Millisecond // how late a tick may be, and what is worth an event
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := now.all - p.at.all
	asleep := passed - (now.awake - p.at.awake)
	if asleep <= usual {
		asleep = 0
	}
	awake := now.awake - max(p.at.awake, min(p.waiting, now.awake))
	p.at = now
	if late := awake + asleep - beat; late > usual {
		p.pending.For += late
		p.pending.Asleep += min(asleep, late)
	}
	if p.pending.For > 0 {
		p.pending.Within += passed
	}
	if p.pending.For < notable {
		return timeline.Halted{}
	}
	halted := p.pending
	p.pending = timeline.Halted{}
	return halted
}
