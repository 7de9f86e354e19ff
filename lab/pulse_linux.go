package lab

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"lablab/timeline"
)

// A pulse ticks while this process runs, and notices when it does not.
type pulse struct {
	at      clocks // of the last tick
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

// tick returns how long the process did not run since the last event, once that is notable. Short
// delays add up.
func (p *pulse) tick(now clocks) timeline.Halted {
	const usual, notable = 5 * time.Millisecond, 250 * time.Millisecond // how late a tick may be, and what is worth an event
	passed := now.all - p.at.all
	asleep := passed - (now.awake - p.at.awake)
	if asleep <= usual {
		asleep = 0
	}
	p.at = now
	if late := passed - beat; late > usual {
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
