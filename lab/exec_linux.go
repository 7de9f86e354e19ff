package lab

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"time"

	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// exec runs a program of the machine inside a host and waits for its end.
func (l *Lab) exec(ctx context.Context, a scenario.Exec) error {
	host, err := l.host(a.Host)
	if err != nil {
		return err
	}
	const grace = time.Second // for those that hold its output open
	output := &tail{most: 2000}
	command := exec.CommandContext(ctx, a.Command[0], a.Command[1:]...)
	command.Stdout, command.Stderr, command.WaitDelay = output, output, grace
	// In a process namespace of its own: with the program ends whatever it has
	// started. And it ends with the thread that started it, which waits for it here.
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	err = host.ns.Do(command.Run)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrWaitDelay) {
		return say.Errorf("run %s on %s: %w", a.Command[0], a.Host, err)
	}
	l.log.Append(timeline.Ran{
		Host: a.Host, Command: a.Command, Exit: command.ProcessState.ExitCode(), Expected: a.Exit,
		Output: string(output.text),
	})
	return nil
}

// A tail keeps the end of what is written.
type tail struct {
	most int // bytes
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if over := len(t.text) - t.most; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}
