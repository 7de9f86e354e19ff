package cli

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// An interrupt is a signal that ends a command.
type interrupt struct{ signal syscall.Signal }

func (i interrupt) Error() string {
	names := map[syscall.Signal]string{syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM"}
	return names[i.signal]
}

func (i interrupt) exitCode() int { return 128 + int(i.signal) }

// grace is how long a command may take to end after a signal. The lab lives only in this process,
// so an exit at any moment leaves nothing behind.
const grace = 900 * time.Millisecond

// lastWords is how long a command that follows a lab may take, after a signal, to get the latest
// events.
const lastWords = 3 * time.Second

// interruptible returns a context that ends with the first signal; its cause is the interrupt. If
// the command has not ended within that time, the process exits.
func interruptible(signals <-chan os.Signal, within time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ended, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case s := <-signals:
			i := interrupt{s.(syscall.Signal)}
			force := time.AfterFunc(within, func() { os.Exit(i.exitCode()) })
			cancel(i)
			<-ended
			force.Stop() // the command has ended by itself
		case <-ended:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(ended)
		<-watched
		cancel(nil)
	})
}
