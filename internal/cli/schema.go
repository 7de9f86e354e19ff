package cli

import (
	"github.com/spf13/cobra"

	"lablab/scenario"
)

func newSchema(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of scenario files, for editors",
		Long: `Schema prints the JSON Schema of scenario files. An editor that knows it completes keys,
explains them and marks typos. Editors with yaml-language-server take it from the first
line of the file:

  # yaml-language-server: $schema=lablab.schema.json

lablab check finds more: unknown names and contradictions.`,
		Example: `  lablab schema > lablab.schema.json`,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			text, err := scenario.Schema()
			if err != nil {
				return broken(err)
			}
			_, err = env.Stdout.Write(text)
			return broken(err)
		},
	}
}
