// Package cli implements lablab's commands: their flags, exit codes, and output streams. Package
// render formats the output.
package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/lab"
	"lablab/say"
	"lablab/sg"
)

// The exit codes. After a signal the code is 128 plus the signal's number, as in a shell.
const (
	exitHeld    = 0 // all predictions held
	exitNotHeld = 1
	exitUsage   = 2 // the command line is wrong
	exitUnable  = 3 // environment: missing privilege or kernel feature
	exitBroken  = 4 // internal error during a run, or output that could not be written
	exitUnknown = 6 // of probe: a rule was left out that might allow the packet; of run: not judged
)

// An Env is what a command takes from its process.
type Env struct {
	Args           []string // without the program's name
	Stdout, Stderr *os.File
	Getenv         func(string) string
	// Signals delivers SIGHUP, SIGINT and SIGTERM.
	Signals <-chan os.Signal
	ending  *ending // of this process, by one of these signals
	// Language is the language of the output; nil is English.
	Language *say.Language
}

// System returns the Env of this process. It handles the signals that end a command, except a
// SIGHUP that nohup(1) ignores. SIGPIPE becomes a write error, so losing standard error ends
// nothing.
func System() Env {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	return Env{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Signals: signals}
}

// Main runs the command that env's arguments name and returns the exit code.
func Main(env Env) (code int) {
	env.ending = newEnding()
	defer env.ending.watch(env.Signals)()
	env, unspoken := env.speaking()
	root := newRoot(env, &code)
	defer func() {
		if p := recover(); p != nil {
			code = complain(env, root, &brokenError{err: say.Errorf("panic: %v", p), hint: bugHint()})
		}
	}()
	if unspoken != nil {
		return complain(env, root, unspoken)
	}
	root.SetArgs(env.Args)
	out := &keptError{Writer: say.Signs(env.Stdout, env.Getenv)}
	root.SetOut(out)
	root.SetErr(env.Stderr)
	c, err := root.ExecuteC()
	if err == nil {
		err = out.err
	}
	if err == nil {
		return code
	}
	return complain(env, c, err)
}

func bugHint() say.Sentence {
	return say.F("this is a bug in lablab: please report it with the command you ran")
}

// complain writes an error line and a hint line, and returns the exit code.
func complain(env Env, c *cobra.Command, err error) int {
	var interrupted interrupt
	var unable *lab.Unable
	var broken *brokenError
	code, hint := exitUsage, say.F("see %s --help", c.CommandPath())
	var usage *usageError
	var notRun *notRunError
	var wrong *sg.FileError
	var directory *control.DirectoryError
	switch {
	case errors.As(err, &interrupted):
		return interrupted.exitCode() // the sender of the signal knows
	case errors.Is(err, syscall.EPIPE):
		return 128 + int(syscall.SIGPIPE) // stdout was closed early (SIGPIPE)
	case errors.As(err, &unable):
		code, err, hint = exitUnable, unable, unable.Hint
	case errors.As(err, &broken):
		code, hint = exitBroken, broken.hint
		if hint.Empty() && strings.Contains(err.Error(), "panic: ") {
			hint = bugHint()
		}
	case unwritten(err):
		code, hint = exitBroken, say.Sentence{}
	case errors.As(err, &notRun):
		code, hint = notRun.code, notRun.hint
	case errors.As(err, &usage):
		hint = usage.hint
	case errors.As(err, &wrong):
		if hint = wrong.Hint; hint.Empty() {
			hint = say.F("fix it there; nothing was run")
		}
	}
	if unable == nil && errors.As(err, &directory) {
		hint = directory.Hint
	}
	complaints := say.Signs(env.Stderr, env.Getenv)
	_, _ = fmt.Fprintln(complaints, env.Language.Sprintf("error: %s", oneLine(namingFiles(err, env.Language.Error(err)))))
	if !hint.Empty() {
		_, _ = fmt.Fprintln(complaints, env.Language.Sprintf("hint: %s", oneLine(nameAgain(c, hint.In(env.Language)))))
	}
	return code
}

// A usageError says what is wrong with the command line.
type usageError struct {
	err  error
	hint say.Sentence
}

func (e *usageError) Error() string             { return e.err.Error() }
func (e *usageError) In(l *say.Language) string { return l.Error(e.err) }
func (e *usageError) Unwrap() error             { return e.err }

// A notRunError says that exec did not run its program. Its exit code is the one that a shell would
// use.
type notRunError struct {
	usageError
	code int
}

// A brokenError says that a command failed after it had begun.
type brokenError struct {
	err  error
	hint say.Sentence
}

func (e *brokenError) Error() string             { return e.err.Error() }
func (e *brokenError) In(l *say.Language) string { return l.Error(e.err) }
func (e *brokenError) Unwrap() error             { return e.err }

// namingFiles returns an error's message with the name of its file on one line.
func namingFiles(err error, message string) string {
	var of *fs.PathError
	if !errors.As(err, &of) {
		return message
	}
	return strings.ReplaceAll(message, of.Path, say.Line(of.Path))
}

// oneLine cuts a message to its first line and shows what a terminal would obey.
func oneLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return say.Printable(line)
}
