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

// grace is how long a command may take to end after a signal. The lab is in
// this process alone, so leaving it at any moment leaves nothing behind.
const grace = 900 * time.Millisecond

// lastWords is how long a command may take that asks a lab, after a signal, what has
// happened last.
const lastWords = 3 * time.Second

// interruptible is a context that ends with the first signal, for the cause
// interrupt. It ends the process if the command has not ended by itself in that time.
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
			force.Stop() // it has ended by itself
		case <-ended:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(ended)
		<-watched
		cancel(nil)
	})
}
