package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/report"
	"lablab/say"
)

func newCapture(env Env) *cobra.Command {
	var file string
	var count uint32
	var duration time.Duration
	c := &cobra.Command{
		Use: "capture HOST -o FILE", Short: "Capture the packets of a host, each with its verdict, for Wireshark", Args: arguments(1, 1),
		Long: `Capture writes what passes a host's interface to a file in the format pcapng, which
Wireshark reads. Each packet's comment is its verdict, the rule that gave it, and
conntrack's state; a change of the rules is an empty packet with a comment. Packets
that arrive are captured before the rules judge them. Of those that the host's own
rules do not let out, which never reach the interface, there are the headers.`,
		Example: `  lablab capture A -o a.pcapng
  lablab capture A -o - | wireshark -k -i -`,
	}
	c.Flags().StringVarP(&file, "output", "o", "", "the `FILE`; - for standard output")
	c.Flags().Uint32Var(&count, "count", 0, "end after so many packets")
	c.Flags().DurationVar(&duration, "duration", 0, "end after this time")
	return verb(env, c, func(ctx context.Context, lab *control.Client, args []string) (err error) {
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		if !hasHost(status, args[0]) {
			return noHost(status, args[0])
		}
		out := env.Stdout
		switch {
		case file == "":
			return &usageError{say.New("no file to write to"), say.As("lablab capture " + args[0] + " -o " + args[0] + ".pcapng")}
		case duration < 0:
			return &usageError{say.Errorf("--duration %s is no time", duration), say.F("such as 10s")}
		case file == "-" && report.IsTerminal(out):
			return &usageError{say.New("packets are nothing for a terminal"), say.F("write them to a file, or pipe them: -o - | wireshark -k -i -")}
		case file != "-":
			if out, err = openOwned(env, file); err != nil {
				return &usageError{say.Errorf("capture: %w", err), say.F("name a file that can be written")}
			}
			defer func() { err = errors.Join(err, out.Close()) }()
			next(c, env.Language.Sprintf("look at it: wireshark %s", file))
		}
		return captureTo(ctx, env, lab, args[0], int(count), duration, out)
	})
}

func captureTo(ctx context.Context, env Env, lab *control.Client, host string, count int, duration time.Duration, out *os.File) error {
	begun := func() {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("capturing at host %s; Ctrl-C ends", oneLine(host)))
	}
	packets, err := lab.Capture(ctx, host, count, duration, begun, out)
	if err == nil && count == 0 && duration == 0 {
		env.replaced(lab)
	}
	if err = ended(err); err == nil {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("%d packets and marks", packets))
	}
	return err
}
