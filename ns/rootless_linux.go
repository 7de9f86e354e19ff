package ns

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// rootlessMark is in the environment of the re-executed process, with the id of its parent. So it
// means nothing in any other process that inherits it.
const rootlessMark = "LABLAB_ROOTLESS"

// Powerful reports whether this process can build a lab without a user namespace: it has
// CAP_SYS_ADMIN (network namespaces), CAP_NET_ADMIN (links, rules, conntrack) and CAP_NET_RAW
// (ICMP).
func Powerful() bool {
	const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	return effective()&needed == needed
}

// IsRootless reports whether [Rootless] started this process.
func IsRootless() bool {
	return os.Getenv(rootlessMark) == strconv.Itoa(os.Getppid())
}

// marked returns an environment with this process's mark, and no other: the first of two would win.
func marked(environment []string) []string {
	environment = slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, rootlessMark+"=") })
	return append(environment, rootlessMark+"="+strconv.Itoa(os.Getpid()))
}

// A Twin is a second process of this program, running as root of its own user namespace.
type Twin struct{ process *os.Process }

// Rootless runs this program again with the same arguments as root of its own user namespace. There
// it can create network namespaces and cannot touch the machine's own. If this process is killed,
// the kernel kills the other one too.
//
// It locks the calling goroutine to its thread, since the kernel also kills the other process when
// the thread that started it ends. The same goroutine must call [Twin.Wait]. The error is a
// *RootlessError. The other process inherits files; [Passed] returns them.
func Rootless(files ...*os.File) (*Twin, error) {
	self, err := Program()
	if err != nil {
		return nil, &RootlessError{StartAgain, err}
	}
	runtime.LockOSThread()
	users, groups := rootOnly()
	child, err := os.StartProcess(self, os.Args, &os.ProcAttr{
		Env:   marked(os.Environ()),
		Files: append([]*os.File{os.Stdin, os.Stdout, os.Stderr}, files...),
		Sys: &syscall.SysProcAttr{
			// Its own network namespace keeps it from touching the machine's, even if it tried.
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: users,
			GidMappings: groups,
			Pdeathsig:   syscall.SIGKILL,
		},
	})
	if err != nil {
		runtime.UnlockOSThread()
		return nil, whyNotRootless(err)
	}
	return &Twin{child}, nil
}

// Program returns a path at which this process can run its own program again: that of its file, or a
// link of the kernel's if the file is gone or below a directory that this user may not enter.
func Program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", say.Errorf("find this program: %w", err)
	}
	if unix.Access(path, unix.X_OK) != nil {
		return "/proc/self/exe", nil
	}
	return path, nil
}

// Passed returns the i-th of the files that the parent process passed to [Rootless].
func Passed(i int) *os.File {
	const standard = 3 // stdin, stdout and stderr
	return os.NewFile(uintptr(standard+i), "passed")
}

// Wait waits until the other process exits and returns its exit code. The code is 128 plus the
// signal's number if the process died of SIGPIPE or of a signal that ends a command, which it gets
// from a terminal too. Wait passes on the signals that arrive on relay.
func (t *Twin) Wait(relay <-chan os.Signal) (code int, err error) {
	defer runtime.UnlockOSThread()
	ended, relayed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(relayed)
		for {
			select {
			case sig := <-relay:
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
	case status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, sig):
		return 128 + int(sig), nil
	case status.Signaled():
		return 0, say.Errorf("the process in the user namespace was killed: %w", errors.New(status.Signal().String()))
	}
	return status.ExitStatus(), nil
}
