package ns

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// A Stage is a part of what [Rootless] does.
type Stage string

// The stages, in order.
const (
	CreateUser    Stage = "create user namespace"
	MapUser       Stage = "become root of a user namespace"
	UseUser       Stage = "use the capabilities of a user namespace"
	CreateNetwork Stage = "create network namespace in a user namespace"
	StartAgain    Stage = "run this program again"
)

// A RootlessError says at which stage a user namespace could not be had. Err wraps the errno.
type RootlessError struct {
	Stage Stage
	Err   error
}

func (e *RootlessError) Error() string { return e.In(nil) }

// In returns Error in a language.
func (e *RootlessError) In(l *say.Language) string {
	return l.Sprintf("%s: %v", say.Text(string(e.Stage)), e.Err)
}

func (e *RootlessError) Unwrap() error { return e.Err }

// TryRootless tries what [Rootless] does without running this program again, stage by stage. It
// leaves out the network namespace, which would take a while to disappear and count against the
// limit until then. The error is a *RootlessError.
func TryRootless() error {
	for _, stage := range []struct {
		Stage
		mapped bool
		use    uintptr // makes a namespace that needs a capability: some machines withhold them
	}{{CreateUser, false, 0}, {MapUser, true, 0}, {UseUser, true, syscall.CLONE_NEWUTS}} {
		if err := tryRootless(syscall.CLONE_NEWUSER, stage.use, stage.mapped); err != nil {
			return &RootlessError{stage.Stage, err}
		}
	}
	return nil
}

// tryRootless starts a process with new namespaces, which unshares others and then ends.
func tryRootless(clone, unshare uintptr, mapped bool) error {
	how := &syscall.SysProcAttr{Cloneflags: clone, Unshareflags: unshare}
	if mapped {
		how.UidMappings, how.GidMappings = rootOnly()
	}
	_, err := syscall.ForkExec("", nil, &syscall.ProcAttr{Sys: how})
	if errors.Is(err, syscall.ENOENT) {
		return nil // it got as far as looking for a program with an empty name
	}
	return err
}

// rootOnly returns mappings that make this user root, and know no other user.
func rootOnly() (users, groups []syscall.SysProcIDMap) {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		[]syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// whyNotRootless returns the stage at which [Rootless] failed.
func whyNotRootless(err error) error {
	var stage *RootlessError
	switch tried := TryRootless(); {
	case errors.As(tried, &stage):
		return stage
	case tryRootless(syscall.CLONE_NEWUSER|syscall.CLONE_NEWNET, 0, true) != nil:
		return &RootlessError{CreateNetwork, err}
	}
	return &RootlessError{StartAgain, err}
}

// Buffer returns how many bytes can wait in the kernel for [Listener.Drain], and how many were
// requested. An ordinary user is granted fewer.
func (l *Listener) Buffer() (granted, wanted int, err error) {
	doubled, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF) // twice the size: socket(7)
	if err != nil {
		return 0, 0, say.Errorf("read buffer of socket: %w", err)
	}
	return doubled / 2, listenBuffer, nil
}
