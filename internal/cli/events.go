package cli

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/timeline"
)

func newEvents(env Env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "events", Short: "Write a lab's timeline as it grows, a line of JSON an event", Args: noArguments,
		Long: `Events writes what has happened in a lab, and then what happens, until the lab ends or
Ctrl-C. Each line is an event, as in the records of run --record. Of a lab that has
seen much, the oldest events are forgotten: their numbers tell.`,
	}
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl")
	return verb(env, c, func(ctx context.Context, lab *control.Client, _ []string) error {
		if err := oneOf("--format", format, "jsonl"); err != nil {
			return err
		}
		encoder := json.NewEncoder(env.Stdout)
		return ended(lab.Events(ctx, func() {}, func(e timeline.Event) error { return encoder.Encode(e) }))
	})
}
