package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

// doctorFlags say how the machine is examined, and how what was found is told.
type doctorFlags struct{ format, colour, rootless string }

func newDoctor(env Env, code *int) *cobra.Command {
	var f doctorFlags
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, and how to mend what it cannot",
		Long: `Doctor finds out by trying whether lablab run works on this machine, as root or in
a user namespace: it builds a small lab, sends a ping through it, looks at every
piece of evidence that a run rests on, and takes the lab down again. That takes a
tenth of a second and changes nothing.

  ✓  works      !  works, but      ✗  missing      ·  not tried

Below whatever does not work is the way out. The exit code is 3 if lablab run
cannot work.`,
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
	flags.StringVar(&f.format, "format", "text", "what is written to standard output: text or json")
	flags.StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	flags.StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (where root's power lacks), always or never")
	return c
}

func (f doctorFlags) check() error {
	return errors.Join(
		oneOf("--format", f.format, "text", "json"),
		oneOf("--color", f.colour, "auto", "always", "never"),
		oneOf("--rootless", f.rootless, "auto", "always", "never"),
	)
}
