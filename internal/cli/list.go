package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"lablab/say"
	"lablab/scenario"
)

// A listed scenario is one entry of the course.
type listed struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Question string `json:"question"`
}

func newList(env Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the built-in scenarios",
		Long: `List prints the built-in scenarios in course order, each with its question. Run one with
lablab run NAME; print its file with lablab show NAME.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			list := courseList()
			if format == "json" {
				return broken(writeJSON(env.Stdout, list))
			}
			w := tabwriter.NewWriter(env.Stdout, 0, 0, 3, ' ', 0)
			for _, s := range list {
				_, _ = fmt.Fprintf(w, "%s\t%s\n\t%s\n", s.Name, env.Language.Text(s.Title), env.Language.Text(s.Question))
			}
			return broken(w.Flush())
		},
	}
	c.Flags().StringVar(&format, "format", "text", "output format: text or json")
	return c
}

func courseList() []listed {
	list := []listed{}
	for _, name := range scenario.Builtins() {
		if sc, found := scenario.Builtin(name); found {
			list = append(list, listed{sc.Name, sc.Title, sc.Question})
		}
	}
	return list
}

// writeJSON writes a value as JSON, indented for people.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(say.JSON(w))
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
