package cli

import (
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"lablab/report"
)

// nextKey is where a command has what may be done after it.
const nextKey = "next"

// next notes what a person may want to do after the command.
func next(c *cobra.Command, suggestion string) {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[nextKey] = suggestion
}

// command is a command within a suggestion.
var command = regexp.MustCompile(`lablab [a-z]+`)

// suggest says what may be done next, to whoever sits at a terminal.
func suggest(env Env, c *cobra.Command) {
	if text := c.Annotations[nextKey]; text != "" && report.IsTerminal(env.Stderr) {
		// Where the lab had to be named, it has to be named again.
		if name := c.Flags().Lookup("name"); name != nil && name.Changed {
			text = command.ReplaceAllString(text, "${0} --name "+name.Value.String())
		}
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("next: %s", oneLine(text)))
	}
}
