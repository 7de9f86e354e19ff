package nstest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// ownerKey is in the environment of every process that a package's tests start. Its value is a
	// directory for files that are deleted when the tests end.
	ownerKey = "LABLAB_TEST_OWNER"
	// guardKey makes this program run as the guard.
	guardKey = "LABLAB_TEST_GUARD"
)

func init() {
	if os.Getenv(guardKey) != "" {
		guard()
		os.Exit(0)
	}
}

// owning runs the tests of a package, and fails them if they leave a process behind. No process
// outlives the tests, even if they end by SIGKILL: the guard outlives them and kills the rest.
func owning(run func() int) int { return owningFor(5*time.Second, run) }

// owningFor is owning for processes that end within patience after the tests.
func owningFor(patience time.Duration, run func() int) int {
	// If go test is killed, these tests must end too. A child of other tests is killed by their guard;
	// the signal would come as soon as the thread ends that has started the child.
	if os.Getenv(ownerKey) == "" {
		_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
	}
	scratch, err := os.MkdirTemp("", "lablab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make directory for the tests:", err)
		return 1
	}
	_ = os.Setenv(ownerKey, scratch)
	release, err := startGuard()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start guard of the tests:", err)
		return 1
	}
	defer release()
	code := run()
	if left := owned(patience); len(left) > 0 && code == 0 {
		for _, pid := range left {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			fmt.Fprintf(os.Stderr, "FAIL: left behind: process %d: %s\n", pid, bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		}
		code = 1
	}
	return code
}

// Owner returns the environment entry that marks a process as belonging to the tests. Tests that
// set their own environment for a process must add it.
func Owner() string { return ownerKey + "=" + os.Getenv(ownerKey) }

// startGuard starts the guard, which ends when release is called or this process ends.
func startGuard() (release func(), err error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), guardKey+"=1")
	c.Stdin = reader
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // keeps Ctrl-C from reaching it
	err = c.Start()
	_ = reader.Close()
	if err != nil {
		_ = writer.Close()
		return nil, err
	}
	return func() { _ = writer.Close(); _ = c.Wait() }, nil
}

// guard waits for the tests to end, then kills the processes that they have left.
func guard() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		left := owned(0)
		if len(left) == 0 {
			break
		}
		for _, pid := range left { // the next round finds those that were forked meanwhile
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-time.After(time.Millisecond)
	}
	_ = os.RemoveAll(os.Getenv(ownerKey))
}

// owned waits up to patience for the processes that the tests have started to end, and returns
// those that have not. It leaves out this process and the guard.
func owned(patience time.Duration) (left []int) {
	mark := []byte("\x00" + Owner() + "\x00")
	for began := time.Now(); ; <-time.After(10 * time.Millisecond) {
		left = nil
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range environments {
			pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
			text, err := os.ReadFile(file)
			if err != nil || pid == os.Getpid() {
				continue
			}
			if text = append([]byte{0}, text...); bytes.Contains(text, mark) && !bytes.Contains(text, []byte("\x00"+guardKey+"=")) {
				left = append(left, pid)
			}
		}
		if len(left) == 0 || time.Since(began) >= patience {
			return left
		}
	}
}
