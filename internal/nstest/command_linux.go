package nstest

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"
)

// LabBuilder returns the path of the command, for a test that builds labs with it.
func LabBuilder(t testing.TB) string {
	t.Helper()
	Kernel(t)
	return Lablab(t)
}

// ExitCode returns the exit code that a command ended with.
func ExitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// WaitFor reads from a pipe or a terminal until a word appears, for at most half a minute, and
// returns what it has read.
func WaitFor(t testing.TB, r io.Reader, word string) string {
	t.Helper()
	file := r.(interface{ SetReadDeadline(time.Time) error })
	if err := file.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.SetReadDeadline(time.Time{}) }()
	var seen []byte
	buffer := make([]byte, 256)
	for !bytes.Contains(seen, []byte(word)) {
		n, err := r.Read(buffer)
		seen = append(seen, buffer[:n]...)
		if err != nil {
			t.Fatalf("%q never came: %v\n%s", word, err, seen)
		}
	}
	return string(seen)
}
