package cli

import (
	"github.com/spf13/cobra"

	"lablab/say"
	"lablab/scenario"
)

func newShow(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print the file of a built-in scenario",
		Long: `Show prints the file of a built-in scenario, as a start for your own. What such a file may
contain: lablab schema. Whether it is valid: lablab check FILE.`,
		Example: `  lablab show ping > mine.yaml
  lablab check mine.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{say.Errorf("%d scenarios given: expected one", len(args)), say.F("see lablab list")}
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

// unknownScenario says that no scenario has that name.
func unknownScenario(name string) error {
	return &usageError{say.Errorf("no scenario is called %q", name), scenario.DidYouMean(name, scenario.Builtins())}
}
