package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"lablab/internal/nstest"
)

// The terminal of a lab takes no more, as over a connection that is stuck. The lab can be taken down
// all the same.
func TestStuckTerminal(t *testing.T) {
	t.Parallel()
	path := nstest.LabBuilder(t)
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer terminal.Close()
	env := append(os.Environ(), "TERM=xterm-256color", "LABLAB_SOCKET_DIR="+t.TempDir())
	up := exec.Command(path, "up")
	up.Env, up.Stdin, up.Stdout = env, terminal, terminal
	up.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = up.Process.Kill(), up.Wait() }()
	nstest.WaitFor(t, master, "established") // of its rules: the lab is up
	fill(t, terminal.Name())
	down := exec.Command(path, "down")
	down.Env = env
	if out, err := down.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("is gone")) {
		t.Errorf("%v: %s", err, out)
	}
}

// fill writes to a terminal, whose other side is not read, until it takes no more, and for as long as
// it does again.
func fill(t *testing.T, name string) {
	t.Helper()
	text := bytes.Repeat([]byte("x"), 64)
	terminal, err := syscall.Open(name, syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	for err == nil {
		_, err = syscall.Write(terminal, text)
	}
	if !errors.Is(err, syscall.EAGAIN) || syscall.SetNonblock(terminal, false) != nil {
		t.Fatal(err)
	}
	go func() {
		defer func() { _ = syscall.Close(terminal) }()
		for err := error(nil); err == nil; { // until the other side is closed
			_, err = syscall.Write(terminal, text)
		}
	}()
}
