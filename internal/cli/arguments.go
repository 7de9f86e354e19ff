package cli

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lablab/say"
)

// noArguments refuses arguments.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{say.Errorf("%s takes no arguments, got %q", c.CommandPath(), strings.Join(args, " ")), say.F("see %s --help", c.CommandPath())}
	}
	return nil
}

// anyNumber means no upper limit on arguments.
const anyNumber = math.MaxInt

// arguments refuses fewer arguments than least and more than most.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		hint := say.F("see %s --help", c.CommandPath())
		switch n := len(args); {
		case n < least:
			return &usageError{say.Errorf("too few arguments (%d)", n), hint}
		case n > most:
			return &usageError{say.Errorf("too many arguments (%d)", n), hint}
		}
		return nil
	}
}

// toRead returns the hint about a file that cannot be opened: the usual hint, unless the name is a
// pattern that the shell did not expand.
func toRead(name string, err error, usual say.Sentence) say.Sentence {
	if !isPattern(name, err) {
		return usual
	}
	return say.F("patterns are not expanded here: name the file")
}

// toReadAll is toRead for a command that also takes directories.
func toReadAll(name string, err error, usual say.Sentence) say.Sentence {
	if !isPattern(name, err) {
		return usual
	}
	directory := filepath.Dir(name)
	for isPattern(directory, err) {
		directory = filepath.Dir(directory)
	}
	return say.F("patterns are not expanded here: name the files, or the directory they are in: %s", directory)
}

func isPattern(name string, err error) bool {
	return errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(name, "*?[")
}
