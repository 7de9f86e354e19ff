package ns

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// The environment of the re-executed process contains this.
const rootlessMark = "LABLAB_ROOTLESS=1"

// Powerful reports whether this process can build a lab without a user namespace: it has
// CAP_SYS_ADMIN (network namespaces), CAP_NET_ADMIN (links, rules, conntrack) and CAP_NET_RAW
// (ICMP).
func Powerful() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return false
	}
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	return sets[0].Effective&needed == needed
}

// IsRootless reports whether [Rootless] started this process.
func IsRootless() bool {
	key, value, _ := strings.Cut(rootlessMark, "=")
	return os.Getenv(key) == value
}

// A Twin is a second process of this program, running as root of its own user namespace.
type Twin struct{ process *os.Process }

// Rootless runs this program again with the same arguments as root of its own user namespace. There
// it can create network namespaces and cannot touch the machine's own. If this process is killed,
// the kernel kills the other one too.
//
// It locks the calling goroutine to its thread, since the kernel also kills the other process when
// the thread that started it ends. The same goroutine must call [Twin.Wait]. The error wraps the
// errno of clone(2): EPERM or EACCES if a policy forbids user namespaces, ENOSPC at
// user.max_user_namespaces. The other process inherits files; [Passed] returns them.
func Rootless(files ...*os.File) (*Twin, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, say.Errorf("find this program: %w", err)
	}
	runtime.LockOSThread()
	child, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), rootlessMark),
		Files: append([]*os.File{os.Stdin, os.Stdout, os.Stderr}, files...),
		Sys: &syscall.SysProcAttr{
			// Its own network namespace keeps it from touching the machine's, even if it tried.
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			Pdeathsig:   syscall.SIGKILL,
		},
	})
	if err != nil {
		runtime.UnlockOSThread()
		return nil, say.Errorf("create user namespace: %w", err)
	}
	return &Twin{child}, nil
}

// Passed returns the i-th of the files that the parent process passed to [Rootless].
func Passed(i int) *os.File {
	const standard = 3 // stdin, stdout and stderr
	return os.NewFile(uintptr(standard+i), "passed")
}

// Wait waits until the other process exits and returns its exit code. The code is 128 plus the
// signal's number if the process died of a relayed signal or of SIGPIPE. Wait passes on the signals
// that arrive on relay.
func (t *Twin) Wait(relay <-chan os.Signal) (code int, err error) {
	defer runtime.UnlockOSThread()
	var passed os.Signal
	ended, relayed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(relayed)
		for {
			select {
			case sig := <-relay:
				passed = sig
				_ = t.process.Signal(sig)
			case <-ended:
				return
			}
		}
	}()
	state, err := t.process.Wait()
	close(ended)
	<-relayed
	if err != nil {
		return 0, say.Errorf("wait for the process in the user namespace: %w", err)
	}
	status := state.Sys().(syscall.WaitStatus)
	switch sig := status.Signal(); {
	case status.Signaled() && (sig == syscall.SIGPIPE || os.Signal(sig) == passed):
		return 128 + int(sig), nil
	case status.Signaled():
		return 0, say.Errorf("the process in the user namespace was killed: %w", errors.New(status.Signal().String()))
	}
	return status.ExitStatus(), nil
}
