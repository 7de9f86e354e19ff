package cli_test

import (
	"bytes"
	"io"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"lablab/internal/nstest"
)

// amid runs a command, and does something once it has said a word on standard error. It returns what
// the command writes on standard output, the rest of standard error, and the exit code.
func amid(t *testing.T, c *exec.Cmd, word string, do func()) (stdout, stderr []byte, code int) {
	t.Helper()
	var out bytes.Buffer
	c.Stdout = &out
	progress, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	nstest.WaitFor(t, progress, word)
	do()
	stderr, _ = io.ReadAll(progress)
	code = nstest.ExitCode(c.Wait()) // after which all of the output has been read
	return out.Bytes(), stderr, code
}

// endBy runs a command, ends it by a signal once it has said a word, and returns its output.
func endBy(t *testing.T, sig syscall.Signal, c *exec.Cmd, word string) (stdout []byte) {
	t.Helper()
	var sent time.Time
	stdout, _, code := amid(t, c, word, func() {
		_ = c.Process.Signal(sig)
		sent = time.Now()
	})
	if took := time.Since(sent); took > 5*time.Second || code != 128+int(sig) {
		t.Errorf("exit code %d after %s, want %d", code, took, 128+int(sig))
	}
	return stdout
}
