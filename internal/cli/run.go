package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lablab/scenario"
	"lablab/sg"
)

// runFlags are the flags of `lablab run`.
type runFlags struct {
	interval time.Duration
	format   string
	record   string
	colour   string
	rootless string
	quiet    bool
	related  string
	timeouts string
	// The group to play with, if it is one's own.
	group, groups           string
	interfaces, prefixLists []string
}

func newRun(env Env, code *int) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Play the four experiments and show why each packet passed or died",
		Long: `Run plays four experiments with two hosts in one security group:

  1  ICMP is allowed, a ping begins
  2  the ICMP rule is revoked
  3  a second ping begins
  4  the ICMP rule comes back

Each is predicted before it is run. What is shown comes from the kernel: the
verdict on every packet, the conntrack entries and which rule let each in, and
the counters of the rules.

It runs as root, or as an ordinary user in a user namespace of its own. Nothing of
the machine it runs on is changed, and nothing is left when it ends.`,
		Example: `  lablab run
  lablab run --interval 1s
  lablab run --format json --record run.jsonl
  lablab run --groups groups.json --group sg-0123456789abcdef0`,
		Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			var err error
			*code, err = run(env, f)
			return err
		},
	}
	c.Flags().DurationVar(&f.interval, "interval", 100*time.Millisecond, "time between two packets of a stream, 1ms at least")
	c.Flags().StringVar(&f.format, "format", "text", "what is written to standard output: text or json")
	c.Flags().StringVar(&f.record, "record", "", "write the whole timeline to `FILE`, as JSON Lines, over what is there")
	c.Flags().StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	c.Flags().StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (where root's power lacks), always or never")
	c.Flags().StringVar(&f.groups, "groups", "", "play with a group from `FILE`, which aws ec2 describe-security-groups wrote")
	c.Flags().StringVar(&f.group, "group", "", "`ID` of that group; needed where the file has several")
	c.Flags().StringArrayVar(&f.interfaces, "interfaces", nil, "`FILE` that aws ec2 describe-network-interfaces wrote, for --groups")
	c.Flags().StringArrayVar(&f.prefixLists, "prefix-lists", nil, "`FILE` with prefix lists or their entries, for --groups")
	c.Flags().StringVar(&f.related, "related", "off", relatedUsage)
	c.Flags().StringVar(&f.timeouts, "timeouts", "nitro", "how long idle flows are remembered: nitro, nitro-v6, or as the network interface `ID` of --interfaces is configured")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "show no progress on standard error")
	return c
}

// scenario is what is to be played.
func (f runFlags) scenario() (*scenario.Scenario, error) {
	sc, err := f.chosen()
	if err != nil {
		return nil, err
	}
	related, err := relatedOf(f.related)
	if err != nil {
		return nil, err
	}
	sc.Related = string(related)
	timeouts, known := sg.TimeoutsOf(f.timeouts)
	if !known {
		i, found := sc.Account.Interface(f.timeouts)
		if !found {
			return nil, &usageError{fmt.Errorf("--timeouts %q is no profile, and no network interface of that id was read", f.timeouts), "choose nitro or nitro-v6, or name the file that has it: --interfaces FILE"}
		}
		timeouts = i.Timeouts()
	}
	sc.Timeouts = timeouts
	return sc, nil
}

// chosen is the scenario as its file has it.
func (f runFlags) chosen() (*scenario.Scenario, error) {
	if f.groups == "" {
		if f.group != "" {
			return nil, &usageError{errors.New("--group without --groups"), "name the file that has the group: --groups FILE"}
		}
		return scenario.FourExperiments(), nil
	}
	account, err := readAccount(slices.Concat([]string{f.groups}, f.interfaces, f.prefixLists))
	if err != nil {
		return nil, err
	}
	if f.group == "" && len(account.Groups) == 1 {
		f.group = account.Groups[0].ID
	}
	if f.group == "" {
		return nil, &usageError{fmt.Errorf("there are %d groups: which one?", len(account.Groups)), "name it: --group ID"}
	}
	groups, err := chosen(account, []string{f.group})
	if err != nil {
		return nil, err
	}
	sc, err := scenario.FourExperimentsWith(account, groups[0])
	if err != nil {
		return nil, &usageError{err, "see its rules: lablab check " + f.groups}
	}
	return sc, nil
}

// check finds what is wrong with the flags before anything is built.
func (f runFlags) check() error {
	if f.interval < time.Millisecond {
		return &usageError{fmt.Errorf("--interval %s is too short", f.interval), "the shortest is 1ms"}
	}
	return errors.Join(
		oneOf("--format", f.format, "text", "json"),
		oneOf("--color", f.colour, "auto", "always", "never"),
		oneOf("--rootless", f.rootless, "auto", "always", "never"),
	)
}
