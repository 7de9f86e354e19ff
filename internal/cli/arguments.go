package cli

import (
	"math"
	"strings"

	"github.com/spf13/cobra"

	"lablab/say"
)

// noArguments refuses words after the command.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{say.Errorf("%s takes no argument, and there is %q", c.CommandPath(), strings.Join(args, " ")), say.F("see %s --help", c.CommandPath())}
	}
	return nil
}

// anyNumber of arguments is the most that arguments can allow.
const anyNumber = math.MaxInt

// arguments refuses fewer words after the command, and more.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		hint := say.F("see %s --help", c.CommandPath())
		switch n := len(args); {
		case n < least:
			return &usageError{say.Errorf("too few arguments: %d", n), hint}
		case n > most:
			return &usageError{say.Errorf("too many arguments: %d", n), hint}
		}
		return nil
	}
}
