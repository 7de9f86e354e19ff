package ns_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"lablab/ns"
)

const long = time.Second // for an answer

// Patience ends with a silent kernel, and not because this process stood still.
func TestAwait(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"an answer that came at last": nil, "no answer": errors.New("interrupted")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gaveUp := make(chan struct{})
			err := ns.AwaitFor(long, func() { close(gaveUp) }, func() error { <-gaveUp; return failure })
			if failure == nil && err != nil || failure != nil && (err == nil || !strings.Contains(err.Error(), "did not answer within 1s")) {
				t.Error(err)
			}
		})
	}
}

// Time in which the process is stopped does not count.
func TestAwaitWhileStopped(t *testing.T) {
	if os.Getenv("STOPPED") != "" { // the child below
		answer := make(chan error, 1)
		time.AfterFunc(long*3/2, func() { answer <- nil }) // soon after it has gone on
		err := ns.AwaitFor(long, func() { answer <- errors.New("given up") }, func() error {
			_, _ = os.Stderr.WriteString("begun\n")
			return <-answer
		})
		if err != nil {
			t.Error(err)
		}
		return
	}
	t.Parallel()
	stopAmid(t, long+long/5)
}

// stopAmid runs the test again in a child, and stops that for a while once it has begun.
func stopAmid(t *testing.T, long time.Duration) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	c.Env, c.Stdout = append(os.Environ(), "STOPPED=1"), os.Stdout
	said, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _ = said.Read(make([]byte, 100)) // until it has begun
	_ = c.Process.Signal(syscall.SIGSTOP)
	time.Sleep(long)
	_ = c.Process.Signal(syscall.SIGCONT)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// A deadline counts only the time in which the process runs, and ends with its cause.
func TestDeadlineWhileStopped(t *testing.T) {
	const deadline, stopped = 500 * time.Millisecond, time.Second
	if os.Getenv("STOPPED") != "" { // the child below
		cause := errors.New("too late")
		ctx, cancel := ns.WithPatience(t.Context(), deadline, cause)
		defer cancel()
		began := time.Now()
		_, _ = os.Stderr.WriteString("begun\n")
		<-ctx.Done()
		if took := time.Since(began); took < stopped+deadline/2 || !errors.Is(context.Cause(ctx), cause) {
			t.Errorf("it ended after %s: %v", took, context.Cause(ctx))
		}
		return
	}
	t.Parallel()
	stopAmid(t, stopped)
}

// A step in which the process did not run for long counts for little.
func TestPatience(t *testing.T) {
	t.Parallel()
	const step, delay = time.Millisecond, 400 * time.Millisecond
	p := ns.Patient(delay/2, step)
	<-p.Step()
	time.Sleep(delay) // as if it had been stopped
	if p.Spend(); p.Over() {
		t.Error("a delay used up the patience")
	}
	steps := 0
	for ; !p.Over() && steps < 1000; steps++ {
		<-p.Step()
		p.Spend()
	}
	if !p.Over() {
		t.Errorf("patience is left after %d steps", steps)
	}
}
