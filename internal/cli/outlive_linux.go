package cli

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"lablab/internal/control"
	"lablab/ns"
	"lablab/render"
	"lablab/say"
)

// outliveCommand waits for the end of a lab or of a program in it, whichever comes first.
const outliveCommand = "outlive"

// The file descriptors that it gets from [watchEnd].
const (
	labEnds     = 3 // a connection to the lab
	programEnds = 4 // of the program (pidfd_open(2))
)

// watchEnd starts a watcher process. If the lab ends while the program that this process is
// about to become still runs, the watcher says so on standard error.
//
// The watcher must not be a child of the program, which would not expect one. So another
// process starts it and exits at once. The watcher has its own session, so that a Ctrl-C meant
// for the program does not reach it.
func watchEnd(ctx context.Context, env Env, name, host string) error {
	self, err := ns.Program()
	if err != nil {
		return err
	}
	lab, err := control.Ending(ctx, control.Directory(env.Getenv, owner()), name)
	if err != nil {
		return err
	}
	defer lab.Close()
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil // before Linux 5.3, or forbidden by a seccomp filter: go without a watcher
	}
	if err != nil {
		return say.Errorf("watch this process: %w", err)
	}
	program := os.NewFile(uintptr(fd), "this process")
	defer program.Close()
	text := env.Language.Sprintf("the lab of host %s is gone: this program no longer has a network", host)
	starter, err := outlive(self, lab, program, text, "starter")
	if err != nil {
		return err
	}
	_, err = starter.Wait()
	return err
}

// outlive starts this program to wait for the end of the lab or of the program.
func outlive(self string, lab, program *os.File, args ...string) (*os.Process, error) {
	process, err := os.StartProcess(self, append([]string{os.Args[0], outliveCommand}, args...), &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{nil, nil, os.Stderr, lab, program}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, say.Errorf("watch the lab: %w", err)
	}
	return process, nil
}

// newOutlive returns the hidden command that [watchEnd] starts.
func newOutlive(env Env) *cobra.Command {
	return &cobra.Command{
		Use: outliveCommand, Hidden: true, Args: arguments(1, 2), DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 {
				self, err := ns.Program()
				if err != nil {
					return err
				}
				_, err = outlive(self, os.NewFile(labEnds, "lab"), os.NewFile(programEnds, "program"), args[0])
				return err
			}
			if !labEndsFirst() {
				return nil
			}
			text := args[0] + "\n"
			if render.IsTerminal(env.Stderr) {
				text = "\r\n" + text // the cursor may be mid-line, and the terminal in raw mode
			}
			_, err := env.Stderr.WriteString(text)
			return err
		},
	}
}

// labEndsFirst waits until the lab or the program ends, and reports whether the lab was first.
func labEndsFirst() bool {
	for {
		ends := []unix.PollFd{{Fd: labEnds, Events: unix.POLLIN}, {Fd: programEnds, Events: unix.POLLIN}}
		_, err := unix.Poll(ends, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && ends[1].Revents == 0
	}
}
