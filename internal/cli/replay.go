package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lablab/render"
	"lablab/say"
	"lablab/timeline"
)

// replayFlags are the flags of `lablab replay`.
type replayFlags struct {
	speed  float64
	step   bool
	colour string
	quiet  bool
}

const slowest = 0.001 // minimum speed of a replay

func newReplay(env Env, code *int) *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay FILE",
		Short: "Replay a recorded run on the terminal",
		Long: `Replay plays a record of lablab run --record the way run showed it, at the same pace. The
record of an interrupted run is played as far as it goes. Replay needs no privileges and
works on any system. The exit code is that of the run: 0 if every prediction held, 1 if
not, 4 if the run ended with an error.`,
		Example: `  lablab replay run.jsonl
  lablab replay --speed 0.5 run.jsonl
  lablab replay --step run.jsonl`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{say.Errorf("%d records given: only one can be replayed at a time", len(args)), say.F("to report on several: lablab report FILE...")}
			}
			return someRecords(c, args)
		},
		RunE: func(_ *cobra.Command, names []string) (err error) {
			if f.speed != 0 && !(f.speed >= slowest) { // also rejects NaN
				return &usageError{say.Errorf("--speed %v is too slow", f.speed), say.F("1 is real time, 2 is twice as fast, 0 skips all waits")}
			}
			if err := oneOf("--color", f.colour, "auto", "always", "never"); err != nil {
				return err
			}
			*code, err = replay(env, f, names[0], os.Stdin)
			return err
		},
	}
	c.Flags().Float64Var(&f.speed, "speed", 1, "speed relative to the run: 2 is twice as fast, 0 skips all waits")
	c.Flags().BoolVar(&f.step, "step", false, "wait for Enter before each experiment except the first")
	c.Flags().StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "show no progress on standard error")
	return c
}

// replay replays a record and returns the exit code of its run.
func replay(env Env, f replayFlags, name string, stdin io.Reader) (int, error) {
	events, err := readRecord(name)
	if err != nil {
		return 0, err
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	played := make(chan timeline.Event)
	go again(ctx, events, f.speed, played)
	p := newPresenter(env, true, f.colour, f.quiet)
	if f.step {
		p.pause = enter(ctx, env, stdin)
	}
	r, err := p.present(played)
	var interrupted interrupt
	if errors.As(context.Cause(ctx), &interrupted) {
		return 0, interrupted
	}
	if err == nil {
		err = p.conclude(r)
	}
	if err != nil {
		return 0, broken(err)
	}
	if r.Failed != "" {
		return 0, &brokenError{err: say.Errorf("the recorded run ended with an error: %s", r.Failed)}
	}
	return worst(render.Runs{Results: []render.Result{r}}), nil
}

// again sends the events of a record at their original pace times speed, and closes the channel
// after the last one or when ctx is done. A slow receiver delays later events.
func again(ctx context.Context, events []timeline.Event, speed float64, out chan<- timeline.Event) {
	defer close(out)
	last, due := time.Duration(0), time.Now()
	for _, e := range events {
		if speed > 0 && e.At > last {
			due = due.Add(time.Duration(float64(e.At-last) / speed))
			last = e.At
		}
		if until := time.Until(due); until > 0 {
			select {
			case <-time.After(until):
			case <-ctx.Done():
				return
			}
		}
		select {
		case out <- e:
		case <-ctx.Done():
			return
		}
		if now := time.Now(); now.After(due) {
			due = now
		}
	}
}

// enter returns a function that waits for a line of standard input. After the end of input it no
// longer waits.
func enter(ctx context.Context, env Env, stdin io.Reader) func(int) {
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(stdin); scanner.Scan(); {
			lines <- struct{}{}
		}
	}()
	return func(experiment int) {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("press Enter for experiment %d", experiment))
		select {
		case <-lines:
		case <-ctx.Done():
		}
	}
}
