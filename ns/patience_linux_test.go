package ns_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"lablab/ns"
)

// Patience ends with a silent kernel, and not because this process stood still.
func TestAwait(t *testing.T) {
	if os.Getenv("STOPPED") != "" { // the child below
		answer := make(chan error, 1)
		time.AfterFunc(ns.AnswerTime/2, func() { answer <- nil })
		if err := ns.Await(func() { answer <- errors.New("given up") }, func() error { return <-answer }); err != nil {
			t.Error(err)
		}
		return
	}
	t.Parallel()
	ended := make(chan error)
	began := time.Now()
	err := ns.Await(func() { close(ended) }, func() error { return <-ended })
	if err != nil {
		t.Errorf("an answer that came at last is an error: %v", err)
	}
	err = ns.Await(func() {}, func() error { time.Sleep(ns.AnswerTime + time.Second); return errors.New("interrupted") })
	if err == nil || !strings.Contains(err.Error(), "did not answer within 5s") {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*ns.AnswerTime {
		t.Errorf("took %s", took)
	}
	c := exec.Command(os.Args[0], "-test.run", "^TestAwait$")
	c.Env = append(os.Environ(), "STOPPED=1")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(ns.AnswerTime / 5)
	_ = c.Process.Signal(syscall.SIGSTOP)
	time.Sleep(ns.AnswerTime + time.Second)
	_ = c.Process.Signal(syscall.SIGCONT)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
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
