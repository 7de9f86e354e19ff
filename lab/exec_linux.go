package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

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
	var output bytes.Buffer
	command := exec.CommandContext(ctx, a.Command[0], a.Command[1:]...)
	command.Stdout, command.Stderr, command.WaitDelay = &output, &output, grace
	if err := host.ns.Do(command.Start); err != nil {
		return fmt.Errorf("run %s on %s: %w", a.Command[0], a.Host, err)
	}
	err = command.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("run %s on %s: %w", a.Command[0], a.Host, err)
	}
	const most = 2000 // bytes
	text := output.Bytes()
	l.log.Append(timeline.Ran{
		Host: a.Host, Command: a.Command, Exit: command.ProcessState.ExitCode(), Expected: a.Exit,
		Output: string(text[max(0, len(text)-most):]),
	})
	return nil
}
