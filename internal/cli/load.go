package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/scenario"
)

// replaced says that another scenario was loaded, if a lab continues although its timeline has
// ended.
func (env Env) replaced(lab *control.Client) {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if status, err := lab.Status(ctx); err == nil {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("the lab switched to scenario %s; what follows is not included", oneLine(status.Scenario)))
	}
}

func newLoad(env Env) *cobra.Command {
	c := &cobra.Command{
		Use: "load SCENARIO", Short: "Replace a lab's hosts and groups with another scenario's", Args: arguments(1, 1),
		Long: `Load builds the hosts and groups of a built-in scenario and then ends the lab's present
ones, with their streams, entries and programs' connections. Readers of the lab's events
see the end of one timeline and the start of the next. If the new hosts cannot be built,
the lab stays as it is.`,
		Example: "  lablab load cut",
	}
	next(c, env.Language.Sprintf("to see the lab as it is now: lablab status"))
	return changing(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		if !slices.Contains(scenario.Builtins(), args[0]) {
			return unknownScenario(args[0])
		}
		if err := lab.Load(ctx, args[0]); err != nil {
			return err
		}
		return env.did(env.Language.Sprintf("the lab now has the hosts and groups of %s", args[0]))
	})
}

// builtins completes the built-in scenarios.
func (env Env) builtins(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	words, _ := env.scenarios(c, args, word)
	return words, cobra.ShellCompDirectiveNoFileComp
}
