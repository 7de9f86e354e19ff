package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

// doctorFlags say how to examine the machine, and how to report the findings.
type doctorFlags struct{ format, colour, rootless string }

func newDoctor(env Env, code *int) *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine and explain how to fix what is missing",
		Long: `Doctor tries whether lablab run works on this machine, as root or in a user
namespace: it builds a small lab, sends a ping through it, checks every piece of
evidence that a run relies on, and takes the lab down again. That takes a tenth of a
second and changes nothing.

  ✓  works      !  works, but      ✗  missing      ·  not tried

What does not work comes with a fix. The exit code is 3 if lablab run cannot work.`,
		Example: `  lablab doctor
  sudo lablab doctor
  lablab doctor --format json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) (err error) {
			if err := f.check(); err != nil {
				return err
			}
			*code, err = doctor(env, f)
			return err
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.format, "format", "text", "output format: text or json")
	flags.StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	flags.StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (when not root), always, never")
	return c
}

func (f doctorFlags) check() error {
	return errors.Join(
		oneOf("--format", f.format, "text", "json"),
		oneOf("--color", f.colour, "auto", "always", "never"),
		oneOf("--rootless", f.rootless, "auto", "always", "never"),
	)
}
