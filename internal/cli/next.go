package cli

import (
	"fmt"
	"regexp"
	"strings"

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

// command is a command within a suggestion, and what says that it is complete.
var command = regexp.MustCompile(`lablab [a-z]+( --(help|name))?`)

// nameAgain repeats --name in the commands that a text suggests: where the lab had to be
// named, it has to be named again.
func nameAgain(c *cobra.Command, text string) string {
	name := c.Flags().Lookup("name")
	if name == nil || !name.Changed {
		return text
	}
	return command.ReplaceAllStringFunc(text, func(suggested string) string {
		words := strings.Fields(suggested)[1:]
		of, _, err := c.Root().Find(words[:1])
		if err != nil || len(words) > 1 || of.Flags().Lookup("name") == nil {
			return suggested
		}
		return suggested + " --name " + name.Value.String()
	})
}

// suggest says what may be done next, to whoever sits at a terminal.
func suggest(env Env, c *cobra.Command) {
	if text := c.Annotations[nextKey]; text != "" && report.IsTerminal(env.Stderr) {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("next: %s", oneLine(nameAgain(c, text))))
	}
}
