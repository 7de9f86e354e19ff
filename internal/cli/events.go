package cli

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
	"lablab/timeline"
)

func newEvents(env Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "events", Short: "Stream a lab's events as JSON Lines", Args: noArguments,
		Long: `Events prints what has happened in a lab so far, and then what happens next, until the
lab ends or you press Ctrl-C. Each line is an event, as in the records of run --record.
A busy lab discards its oldest events; gaps in their numbers show where.`,
	}
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl")
	return verb(env, c, func(ctx context.Context, lab *control.Client, _ []string) error {
		if err := oneOf("--format", format, "jsonl"); err != nil {
			return err
		}
		encoder := json.NewEncoder(say.JSON(env.Stdout))
		return ended(lab.Events(ctx, func() {}, func(e timeline.Event) error { return encoder.Encode(e) }))
	})
}
