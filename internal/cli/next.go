package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"lablab/render"
)

// nextKey is the annotation with suggestions for what to run after a command.
const nextKey = "next"

// next sets the suggestion for what to run after the command.
func next(c *cobra.Command, suggestion string) {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[nextKey] = suggestion
}

// command matches a command within a suggestion, and the flags with which it is already complete.
var command = regexp.MustCompile(`lablab [a-z-]+( --(help|name))?`)

// nameAgain adds --name to the commands that a text suggests: if the lab had to be named once, it
// has to be named again.
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

// suggest writes the suggestion for what to run next, if a terminal is attached.
func suggest(env Env, c *cobra.Command) {
	if text := c.Annotations[nextKey]; text != "" && render.IsTerminal(env.Stderr) {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("next: %s", oneLine(nameAgain(c, text))))
	}
}
