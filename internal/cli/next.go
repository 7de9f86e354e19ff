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

// nameAgain adds --name and --socket-dir to the commands that a text suggests: if the lab had to be
// named once, it has to be named again.
func nameAgain(c *cobra.Command, text string) string {
	return command.ReplaceAllStringFunc(text, func(suggested string) string {
		words := strings.Fields(suggested)[1:]
		of, _, err := c.Root().Find(words[:1])
		if err != nil || len(words) > 1 && words[1] == "--help" {
			return suggested
		}
		again := "lablab " + words[0]
		for _, name := range []string{"socket-dir", "name"} {
			given := c.Flags().Lookup(name)
			if given == nil || !given.Changed || of.Flags().Lookup(name) == nil || len(words) > 1 && name == "name" {
				continue
			}
			again += " --" + name + " " + given.Value.String()
		}
		return again + strings.TrimPrefix(suggested, "lablab "+words[0])
	})
}

// suggest writes the suggestion for what to run next, if a terminal is attached.
func suggest(env Env, c *cobra.Command) {
	if text := c.Annotations[nextKey]; text != "" && render.IsTerminal(env.Stderr) {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("next: %s", oneLine(nameAgain(c, text))))
	}
}
