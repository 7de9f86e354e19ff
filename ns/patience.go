package ns

import (
	"context"
	"runtime"
	"sync"
	"time"

	"lablab/say"
)

// A Patience is how much longer to wait for something, in steps. It counts the time in which this
// process ran: a step that took longer than it should have, because the process was stopped or had
// no processor, counts for less than a step, the less the longer it took.
type Patience struct {
	left, step time.Duration
	began      time.Time // of the step
}

// Patient returns a patience that lasts as long as is given, on a machine that is not busy.
func Patient(long, step time.Duration) *Patience { return &Patience{left: long, step: step} }

// Step begins a step and returns a channel that reports its end. The caller then calls
// [Patience.Spend].
func (p *Patience) Step() <-chan time.Time {
	p.began = time.Now()
	return time.After(p.step)
}

// Spend counts the step that has ended. Before that, everything else in this process that can run
// gets its turn: what is waited for may be among it, and timers come before it.
func (p *Patience) Spend() {
	runtime.Gosched()
	const usual = 20 * time.Millisecond // on a machine that is not busy
	took, most := time.Since(p.began), max(usual, p.step)
	if took > most {
		took = most * most / took
	}
	p.left -= took
}

// Over reports whether the patience has ended.
func (p *Patience) Over() bool { return p.left <= 0 }

// WithPatience returns a context that ends with that cause once the patience is over. The caller
// calls cancel, which ends what counts it.
func WithPatience(ctx context.Context, long time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		const step = 20 * time.Millisecond
		for p := Patient(long, min(long, step)); !p.Over(); p.Spend() {
			select {
			case <-p.Step():
			case <-ctx.Done():
				return
			}
		}
		end(cause)
	})
	return ctx, func() { end(nil); counting.Wait() }
}

// AnswerTime is how long the kernel may take to answer a request. It takes milliseconds; without a
// limit, a lost answer would block forever.
const AnswerTime = 5 * time.Second

// Await calls ask, which waits for an answer of the kernel. If none comes within [AnswerTime], it
// calls giveUp, which must make ask return.
func Await(giveUp func(), ask func() error) error { return await(AnswerTime, giveUp, ask) }

func await(long time.Duration, giveUp func(), ask func() error) error {
	p := Patient(long, 100*time.Millisecond)
	var mu sync.Mutex
	ended, silent := false, false
	mu.Lock()
	p.began = time.Now()
	var tick *time.Timer
	tick = time.AfterFunc(p.step, func() { // cheaper than a goroutine, as nearly every answer comes at once
		mu.Lock()
		defer mu.Unlock()
		switch p.Spend(); {
		case ended:
		case !p.Over():
			p.began = time.Now()
			tick.Reset(p.step)
		default:
			silent = true
			giveUp()
		}
	})
	mu.Unlock()
	err := ask()
	mu.Lock()
	defer mu.Unlock()
	ended = true
	tick.Stop()
	if err != nil && silent {
		return say.Errorf("the kernel did not answer within %s", long)
	}
	return err
}
