package cli

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"lablab/say"
)

// print writes lines to standard output, in one write.
func (env Env) print(lines ...string) error {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(oneLine(line) + "\n")
	}
	_, err := io.WriteString(say.Signs(env.Stdout, env.Getenv), b.String())
	return err
}

// did writes what a command has done. If that cannot be written, it was done all the same, and the
// error's hint says so.
func (env Env) did(lines ...string) error {
	err := env.print(lines...)
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return err
	}
	return &brokenError{err, done(say.As(strings.Join(lines, "; ")))}
}

// done is the hint of an error that came after the work.
func done(what say.Sentence) say.Sentence { return say.F("this was done before: %s", what) }

// unwritten reports whether err is that of a write to a file, such as a full disk.
func unwritten(err error) bool {
	var failed *fs.PathError
	return errors.As(err, &failed) && failed.Op == "write"
}

// A keptError is a writer that keeps the first error, for cobra, which forgets that its help could
// not be written.
type keptError struct {
	io.Writer
	err error
}

func (w *keptError) Write(b []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.Writer.Write(b)
	}
	return len(b), nil
}
