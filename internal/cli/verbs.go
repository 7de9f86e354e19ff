package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
	"lablab/sg"
)

// lab returns a client of the lab with that name.
func (env Env) lab(name string) *control.Client {
	client := control.Dial(control.Directory(env.Getenv, owner()), name)
	client.Waiting = sync.OnceFunc(func() {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("lab %s is not responding: its process may be stopped or busy (Ctrl-C stops waiting)", oneLine(name)))
	})
	return client
}

// noLab adds a hint on how to start a lab.
func noLab(err error) error {
	if errors.Is(err, control.ErrNone) {
		if owner() == 0 {
			return &usageError{err, say.F("start one: lablab up; to reach a lab that was started without sudo, leave out sudo")}
		}
		return &usageError{err, say.F("start one: lablab up; to reach a lab that was started with sudo, use sudo")}
	}
	return &brokenError{err: err}
}

func noHost(status control.Status, name string) error {
	names := make([]string, len(status.Hosts))
	for i, h := range status.Hosts {
		names[i] = h.Name
	}
	return &usageError{say.Errorf("lab %s has no host %s", status.Name, name), say.F("it has: %s", strings.Join(names, ", "))}
}

// verb makes c a command that queries a running lab. It calls do with the lab's client and a
// context that a signal ends.
func verb(env Env, c *cobra.Command, do func(ctx context.Context, lab *control.Client, args []string) error) *cobra.Command {
	return asking(env, c, env.which, do)
}

// changing is verb for a command that changes a lab. A lab that is not called by the default name
// must be named explicitly.
func changing(env Env, c *cobra.Command, do func(ctx context.Context, lab *control.Client, args []string) error) *cobra.Command {
	return asking(env, c, env.whichToChange, do)
}

func asking(env Env, c *cobra.Command, which func(context.Context, string) (string, error), do func(ctx context.Context, lab *control.Client, args []string) error) *cobra.Command {
	var name string
	addName(c, &name)
	c.RunE = func(_ *cobra.Command, args []string) error {
		ctx, cancel := env.interruptible()
		defer cancel()
		name, err := which(ctx, name)
		if err != nil {
			return err
		}
		client := env.lab(name)
		defer client.Close()
		if err := do(ctx, client, args); err != nil {
			return refused(err)
		}
		suggest(env, c)
		return nil
	}
	return c
}

// refused turns a lab's error into an error of the command line.
func refused(err error) error {
	var usage *usageError
	var ec2 *sg.Error
	switch {
	case err == nil || errors.As(err, &usage) || errors.Is(err, syscall.EPIPE) || unwritten(err):
		return err
	case errors.As(err, &ec2):
		return &usageError{err, say.F("list its rules: lablab status")}
	case errors.Is(err, control.ErrNone):
		return noLab(err)
	case errors.Is(err, control.ErrCut):
		return &brokenError{err, say.F("it was killed, or this reader was too slow")}
	}
	var interrupted interrupt
	if errors.As(err, &interrupted) {
		return interrupted
	}
	return &usageError{err, say.F("see the lab: lablab status")}
}

func newDown(env Env) *cobra.Command {
	var all bool
	var name string
	var c *cobra.Command
	c = &cobra.Command{
		Use: "down", Short: "Take a lab down", Args: namedByFlag,
		RunE: func(*cobra.Command, []string) error {
			if all && name != "" {
				return &usageError{say.New("--all and --name cannot be combined"), say.F("lablab down --all")}
			}
			ctx, cancel := env.interruptible()
			defer cancel()
			names, err := control.Names(control.Directory(env.Getenv, owner()))
			if err != nil {
				return &brokenError{err: err}
			}
			if !all {
				name, err := env.whichToChange(ctx, name)
				if err != nil {
					return err
				}
				names = []string{name}
			}
			errs := env.takeDownAll(ctx, names)
			var failed, outputErr error
			var left []string
			ended := false // by a signal
			for i, n := range names {
				switch err := errs[i]; {
				case err == nil:
					outputErr = errors.Join(outputErr, env.did(env.Language.Sprintf("lab %s is gone", n)))
				case errors.Is(err, control.ErrNone):
					next(c, env.Language.Sprintf("no such lab is running; to list those that are: lablab ps"))
				case ctx.Err() != nil:
					ended = true
				default:
					if left = append(left, n); len(left) > 1 {
						err = say.Errorf("these labs did not stop: %s", strings.Join(left, ", "))
					}
					failed = &brokenError{err, say.F("their processes may be stopped or busy: lablab ps")}
				}
			}
			if ended {
				return refused(context.Cause(ctx))
			}
			if failed == nil && outputErr == nil {
				suggest(env, c)
			}
			return errors.Join(failed, outputErr)
		},
	}
	addName(c, &name)
	c.Flags().BoolVar(&all, "all", false, "all entries")
	next(c, env.Language.Sprintf("labs still running: lablab ps"))
	return c
}

// takeDownAll takes labs down at the same time, so that one which does not respond does not hold up
// the others. It returns the error of each.
func (env Env) takeDownAll(ctx context.Context, names []string) []error {
	errs := make([]error, len(names))
	var all sync.WaitGroup
	for i, n := range names {
		all.Go(func() { errs[i] = env.takeDown(ctx, n) })
	}
	all.Wait()
	return errs
}

// takeDown takes a lab down, and waits until its name is free again.
func (env Env) takeDown(ctx context.Context, name string) error {
	client := env.lab(name)
	defer client.Close()
	const patience, step = 5 * time.Second, 2 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := client.Down(ctx); err != nil {
		return err
	}
	for {
		client.Close() // a kept connection would hide that
		if _, err := client.Status(ctx); errors.Is(err, control.ErrNone) {
			return nil
		}
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return say.Errorf("lab %s did not stop", name)
		}
	}
}

func newPS(env Env) *cobra.Command {
	var format string
	var c *cobra.Command
	c = &cobra.Command{
		Use: "ps", Short: "List the running labs", Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			names, err := control.Names(control.Directory(env.Getenv, owner()))
			if err != nil {
				return &brokenError{err: err}
			}
			ctx, cancel := env.interruptible()
			defer cancel()
			labs := []control.Status{}
			var silent []string // stopped, or busy
			for _, name := range names {
				status, err := env.status(ctx, name)
				switch {
				case err == nil:
					labs = append(labs, status)
				case ctx.Err() != nil:
					return refused(context.Cause(ctx))
				case !errors.Is(err, control.ErrNone):
					silent = append(silent, name)
				}
			}
			if format == "json" {
				return broken(writeJSON(env.Stdout, labs))
			}
			var lines []string
			for _, s := range labs {
				lines = append(lines, env.Language.Sprintf("%-12s %-16s pid %-8d %d hosts", s.Name, s.Scenario, s.PID, len(s.Hosts)))
			}
			for _, name := range silent {
				lines = append(lines, env.Language.Sprintf("%-12s is not responding", name))
			}
			if err := env.print(lines...); err != nil {
				return err
			}
			next(c, env.Language.Sprintf("show one: lablab status --name NAME; start another: lablab up --name NAME"))
			if len(labs)+len(silent) == 0 {
				next(c, env.Language.Sprintf("no lab is running; start one: lablab up"))
			}
			suggest(env, c)
			return nil
		},
	}
	addSocketDir(c)
	c.Flags().StringVar(&format, "format", "text", "output format: text or json")
	return c
}

func newExec(env Env) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "exec HOST -- COMMAND [ARGUMENT]...",
		Short: "Run a program inside a host of a lab",
		Long: `Exec runs any program of this machine inside a host: a shell, ping, ssh, curl, a database
client. The program uses this terminal, and its exit code becomes this command's. The
names of the lab's hosts resolve inside. A program that outlives the lab loses its
network.`,
		Example: `  sudo lablab exec B -- ping A
  sudo lablab exec A -- bash`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 && args[1] != "--" && strings.HasPrefix(args[1], "-") {
				return &usageError{say.Errorf("%s must come before the host", args[1]), say.F("put it first: lablab exec --name NAME B -- ping A")}
			}
			ctx, cancel := env.interruptible()
			defer cancel()
			name, err := env.which(ctx, name)
			if err != nil {
				return err
			}
			if len(args) > 1 && args[1] == "--" {
				args = slices.Delete(args, 1, 2)
			}
			if len(args) < 2 {
				return &usageError{say.New("exec needs a host and a program"), say.F("lablab exec B -- ping A")}
			}
			return execIn(ctx, env, name, args[0], args[1:])
		},
	}
	addName(c, &name)
	c.Flags().SetInterspersed(false)
	return c
}

func newGroups(env Env) *cobra.Command {
	c := &cobra.Command{
		Use: "groups HOST [GROUP]...", Short: "Change the security groups of a host", Args: arguments(1, anyNumber),
		Example: "  lablab groups A lab\n  lablab groups A          # removes all groups",
	}
	return changing(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		done, err := lab.Apply(ctx, sg.Attach{Interface: args[0], Groups: append([]string{}, args[1:]...)})
		if err != nil {
			return err
		}
		next(c, effect(done, say.F("established flows are not affected, only new ones: lablab flows"), "lablab cut").In(env.Language))
		result := env.Language.Sprintf("%s is now in %s", args[0], strings.Join(args[1:], ", "))
		if len(args) == 1 {
			result = env.Language.Sprintf("%s has no groups: no new flow is allowed in or out", args[0])
		}
		return env.did(result)
	})
}

func newFlows(env Env) *cobra.Command {
	var format string
	var watch bool
	c := &cobra.Command{
		Use: "flows [HOST]", Short: "List a lab's conntrack entries and the rule that admitted each", Args: arguments(0, 1),
		Long: `Flows lists the conntrack entries: host, id (lablab cut ID deletes the entry), protocol and
addresses, packets in each direction, time left if no packet arrives, state, and the
security-group rule that admitted the flow. With --watch it repeats the list every
second, in place on a terminal, until Ctrl-C.`,
	}
	next(c, env.Language.Sprintf("to delete an entry: lablab cut ID; for the verdict on each packet: lablab trace"))
	c.Flags().StringVar(&format, "format", "text", "output format: text or json")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "repeat every second; mark new, refreshed and expiring entries")
	return verb(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		if err := oneOf("--format", format, "text", "json"); err != nil {
			return err
		}
		if watch {
			return watchFlows(ctx, env, lab, strings.Join(args, ""), format)
		}
		flows, err := lab.Flows(ctx, strings.Join(args, ""))
		if err != nil {
			return err
		}
		if format == "json" {
			return broken(writeJSON(env.Stdout, flows))
		}
		if len(flows) == 0 {
			next(c, env.Language.Sprintf("conntrack has no entries; for the verdict on each packet: lablab trace"))
		}
		return env.print(flowLines(env.Language, flows)...)
	})
}
