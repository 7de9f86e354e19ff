package cli

import (
	"github.com/spf13/cobra"

	"lablab/say"
	"lablab/scenario"
)

func newShow(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print the file of a scenario that is built in",
		Long: `Show prints the file of a built-in scenario as it is, to begin one's own with.
What may be in such a file: lablab schema. Whether it is right: lablab check FILE.`,
		Example: `  lablab show ping > mine.yaml
  lablab check mine.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{say.Errorf("%d names of scenarios; it takes one", len(args)), say.F("see lablab list")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, found := scenario.BuiltinText(args[0])
			if !found {
				return unknownScenario(args[0])
			}
			_, err := env.Stdout.Write(text)
			return broken(err)
		},
	}
}

// unknownScenario says that none is called so.
func unknownScenario(name string) error {
	return &usageError{say.Errorf("there is no scenario %q", name), scenario.DidYouMean(name, scenario.Builtins())}
}
