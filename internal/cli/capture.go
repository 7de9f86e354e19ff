package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/render"
	"lablab/say"
)

func newCapture(env Env) *cobra.Command {
	var file string
	var count uint32
	var duration time.Duration
	c := &cobra.Command{
		Use: "capture HOST -o FILE", Short: "Capture a host's packets with their verdicts, for Wireshark", Args: arguments(1, 1),
		Long: `Capture writes the packets on a host's interface to a pcapng file, which Wireshark
reads. Each packet's comment has its verdict, the rule behind it and the conntrack
state; a rule change is an empty packet with a comment. Inbound packets are captured
before the rules see them. Outbound packets that the host's own rules drop never
reach the interface: of those, only the headers are written. Of a host in two networks,
both interfaces are captured.`,
		Example: `  lablab capture A -o a.pcapng
  lablab capture A -o - | wireshark -k -i -`,
	}
	c.Flags().StringVarP(&file, "output", "o", "", "output `FILE`; - for standard output")
	c.Flags().Uint32Var(&count, "count", 0, "stop after this many packets")
	c.Flags().DurationVar(&duration, "duration", 0, "stop after this time")
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
			return &usageError{say.New("no output file given"), say.As("lablab capture " + args[0] + " -o " + args[0] + ".pcapng")}
		case duration < 0:
			return &usageError{say.Errorf("--duration %s is not a positive duration", duration), say.F("for example 10s")}
		case file == "-" && render.IsTerminal(out):
			return &usageError{say.New("refusing to write packets to a terminal"), say.F("write them to a file, or pipe them: -o - | wireshark -k -i -")}
		case file != "-":
			if out, err = openOwned(env, file); err != nil {
				return &usageError{say.Errorf("capture: %w", err), say.F("choose a writable file")}
			}
			defer func() { err = errors.Join(err, out.Close()) }()
			next(c, env.Language.Sprintf("open it: wireshark %s", file))
		}
		return captureTo(ctx, env, lab, args[0], int(count), duration, out)
	})
}

func captureTo(ctx context.Context, env Env, lab *control.Client, host string, count int, duration time.Duration, out *os.File) error {
	begun := func() {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("capturing on host %s; press Ctrl-C to stop", oneLine(host)))
	}
	packets, err := lab.Capture(ctx, host, count, duration, begun, out)
	if err == nil && count == 0 && duration == 0 {
		env.replaced(lab)
	}
	if err = ended(err); err == nil {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("%d packets and markers", packets))
	}
	return err
}
