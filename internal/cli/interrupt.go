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
	notify map[*context.CancelCauseFunc]bool // of the contexts that the signal ends
	caught error                             // the interrupt, after the signal
}

func newEnding() *ending { return &ending{notify: map[*context.CancelCauseFunc]bool{}} }

// watch ends the process by the first signal. The function that it returns stops that.
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
	if len(e.notify) == 0 {
		return 0
	}
	for cancel := range e.notify {
		(*cancel)(i)
	}
	return grace
}

// interruptible returns a context that ends with the first signal; its cause is the interrupt. A
// command that calls it has something to finish before it ends.
func (env Env) interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	e := env.ending
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.caught != nil {
		cancel(e.caught)
	}
	e.notify[&cancel] = true
	return ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.notify, &cancel)
		cancel(nil)
	}
}
