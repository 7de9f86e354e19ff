package cli

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"lablab/ns"
)

// An interrupt is a signal that ends a command.
type interrupt struct{ signal syscall.Signal }

func (i interrupt) Error() string {
	names := map[syscall.Signal]string{syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM"}
	return names[i.signal]
}

func (i interrupt) exitCode() int { return 128 + int(i.signal) }

// grace is how long a command may take to end after a signal, on a machine that is not busy: on
// another it would lose its report. The lab lives only in this process, so an exit at any moment
// leaves nothing behind.
const grace = 800 * time.Millisecond

// lastWords is how long a command that follows a lab waits, after a signal, for the latest events.
const lastWords = 600 * time.Millisecond

// An ending ends this process when a signal arrives: at once, or within grace if the command has
// called [Env.interruptible], whatever the command waits for or computes.
type ending struct {
	mu     sync.Mutex
	notify map[*context.CancelCauseFunc]time.Duration // of the contexts that the signal ends, with how long each command may take then
	caught error                                      // the interrupt, after the signal
}

func newEnding() *ending { return &ending{notify: map[*context.CancelCauseFunc]time.Duration{}} }

// watch ends the process on the first signal, until stop is called.
func (e *ending) watch(signals <-chan os.Signal) (stop func()) {
	stopped, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case s := <-signals:
			i := interrupt{s.(syscall.Signal)}
			for patience := ns.Patient(e.interrupt(i), 20*time.Millisecond); !patience.Over(); patience.Spend() {
				select {
				case <-patience.Step():
				case <-stopped: // the command has ended by itself
					return
				}
			}
			os.Exit(i.exitCode())
		case <-stopped:
		}
	}()
	return func() {
		close(stopped)
		<-watched
	}
}

// interrupt ends the contexts and returns how long the command may take from now on.
func (e *ending) interrupt(i interrupt) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.caught = i
	within := time.Duration(0)
	for cancel, grace := range e.notify {
		(*cancel)(i)
		within = max(within, grace)
	}
	return within
}

// interruptible returns a context that ends with the first signal; its cause is the interrupt. A
// command that calls it has something to finish before it ends.
func (env Env) interruptible() (context.Context, context.CancelFunc) {
	return env.interruptibleFor(grace)
}

// interruptibleFor is interruptible with another grace.
func (env Env) interruptibleFor(grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	e := env.ending
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.caught != nil {
		cancel(e.caught)
	}
	e.notify[&cancel] = grace
	return ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.notify, &cancel)
		cancel(nil)
	}
}
