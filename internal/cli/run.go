package cli

import (
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// runFlags are the flags of `lablab run`.
type runFlags struct {
	outputFlags
	given    func(name string) bool // whether a flag was set
	interval time.Duration
	record   string
	rootless string
	quiet    bool
	related  string
	timeouts string
	scale    float64
	jobs     int
	shard    string
	show     bool
	// The group to play with, if it is one's own.
	group, groups           string
	interfaces, prefixLists []string
}

func newRun(env Env, code *int) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [NAME|FILE|DIRECTORY|all]...",
		Short: "Play scenarios and show why each packet passed or died",
		Long: `Run plays four experiments with two hosts in one security group:

  1  ICMP is allowed, a ping begins
  2  the ICMP rule is revoked
  3  a second ping begins
  4  the ICMP rule comes back

or whatever scenario you name: a built-in one (see lablab list) or a file of your
own. Each experiment is predicted before it is run. What is shown comes from the
kernel: the verdict on every packet, the conntrack entries and which rule let each
in, and the counters of the rules.

Several scenarios, "all" built-in ones, or a directory, for all *.yaml and *.yml
below it, are played side by side, each in a lab of its own: a line each as it
ends, then what did not hold, and why. One that fails or breaks harms no other.

It runs as root, or as an ordinary user in a user namespace of its own. Nothing of
the machine it runs on is changed, and nothing is left when it ends.

Exit code 0: everything was as predicted. 1: not everything. 2: the command line or
a file is wrong, and nothing was played. 3: this machine cannot. 4: a run broke. Of
several scenarios, the worst. After a signal 128 and its number.

On GitHub (GITHUB_ACTIONS=true) the report goes into the job summary too, and what
did not hold becomes an annotation at its line of the scenario's file.`,
		Example: `  lablab run
  lablab run --interval 1s
  lablab run --open
  lablab run --format json --record run.jsonl
  lablab run --groups groups.json --group sg-0123456789abcdef0
  lablab run mine.yaml
  lablab run all
  lablab run --report junit=junit.xml --report markdown=report.md tests/
  lablab run --shard 2/5 tests/`,
		RunE: func(c *cobra.Command, args []string) error {
			f.given = c.Flags().Changed
			if err := f.check(args); err != nil {
				return err
			}
			var err error
			*code, err = run(env, f, args)
			return err
		},
	}
	f.flags(c.Flags())
	return c
}

func (f *runFlags) flags(flags *pflag.FlagSet) {
	f.add(flags)
	flags.DurationVar(&f.interval, "interval", 100*time.Millisecond, "time between two packets of a stream, 1ms at least; unless given, what the scenario says, and 10ms if several are played")
	flags.StringVar(&f.record, "record", "", "write the whole timeline to `FILE`, as JSON Lines, over what is there; of several scenarios, to a file each in this directory")
	flags.StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (where root's power lacks), always or never")
	flags.StringVar(&f.groups, "groups", "", "play with a group from `FILE`, which aws ec2 describe-security-groups wrote")
	flags.StringVar(&f.group, "group", "", "`ID` of that group; needed where the file has several")
	flags.StringArrayVar(&f.interfaces, "interfaces", nil, "`FILE` that aws ec2 describe-network-interfaces wrote, for --groups")
	flags.StringArrayVar(&f.prefixLists, "prefix-lists", nil, "`FILE` with prefix lists or their entries, for --groups")
	flags.StringVar(&f.related, "related", "off", relatedUsage)
	flags.StringVar(&f.timeouts, "timeouts", "nitro", "how long idle flows are remembered: nitro, nitro-v6, or as the network interface `ID` of --interfaces is configured")
	flags.Float64Var(&f.scale, "time-scale", 1, "play as a time-lapse: multiply waits and timeouts of conntrack by `F`, 1 at most")
	flags.IntVarP(&f.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "play `N` scenarios at a time; as many as there are processors unless given")
	flags.Lookup("jobs").DefValue = "0" // not shown: help says the same on every machine
	flags.StringVar(&f.shard, "shard", "", "play a part of the scenarios only: `K/N`, every Nth from the Kth on, the same on every machine")
	flags.BoolVar(&f.show, "open", false, "write a page that plays the run to a file here, and say where it is: open it in a browser")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress on standard error")
}

// scenarios are what is to be played. Many is whether it may be any number.
func (f runFlags) scenarios(args []string) (all []*scenario.Scenario, many bool, err error) {
	if len(args) == 0 {
		sc, err := f.chosen()
		if err != nil {
			return nil, false, err
		}
		all = []*scenario.Scenario{sc}
	} else {
		part, err := shardOf(f.shard)
		if err != nil {
			return nil, false, err
		}
		var names []string
		if names, many, err = choose(args); err != nil {
			return nil, false, err
		}
		many = many || f.shard != ""
		if all, err = load(part.take(names)); err != nil {
			return nil, false, err
		}
	}
	for i, sc := range all {
		if err := f.adjust(sc, many); err != nil {
			return nil, false, err
		}
		all[i] = sc.Scaled(f.scale)
	}
	return all, many, nil
}

// adjust gives a scenario what the flags say.
func (f runFlags) adjust(sc *scenario.Scenario, many bool) error {
	const pace = 10 * time.Millisecond // where nobody watches single packets
	switch {
	case f.given("interval") || sc.Interval == 0 && !many:
		sc.Interval = f.interval
	case sc.Interval == 0:
		sc.Interval = pace
	}
	if f.given("related") {
		related, err := relatedOf(f.related)
		if err != nil {
			return err
		}
		sc.Related = string(related)
	}
	if !f.given("timeouts") {
		return nil
	}
	timeouts, known := sg.TimeoutsOf(f.timeouts)
	if !known {
		i, found := sc.Account.Interface(f.timeouts)
		if !found {
			return &usageError{say.Errorf("--timeouts %q is no profile, and no network interface of that id was read", f.timeouts), say.F("choose nitro or nitro-v6, or name the file that has it: --interfaces FILE")}
		}
		timeouts = i.Timeouts()
	}
	sc.Timeouts = timeouts
	return nil
}

// chosen is the scenario as its file has it.
func (f runFlags) chosen() (*scenario.Scenario, error) {
	if f.groups == "" {
		if f.group != "" {
			return nil, &usageError{say.New("--group without --groups"), say.F("name the file that has the group: --groups FILE")}
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
		return nil, &usageError{say.Errorf("there are %d groups: which one?", len(account.Groups)), say.F("name it: --group ID")}
	}
	groups, err := chosen(account, []string{f.group})
	if err != nil {
		return nil, err
	}
	sc, err := scenario.FourExperimentsWith(account, groups[0])
	if err != nil {
		return nil, &usageError{err, say.F("see its rules: lablab check %s", f.groups)}
	}
	return sc, nil
}

// check finds what is wrong with the flags before anything is built.
func (f runFlags) check(args []string) error {
	switch {
	case f.interval < time.Millisecond:
		return &usageError{say.Errorf("--interval %s is too short", f.interval), say.F("the shortest is 1ms")}
	case !(f.scale > 0 && f.scale <= 1):
		return &usageError{say.Errorf("--time-scale %v is no time-lapse", f.scale), say.F("it is more than 0 and 1 at most: 0.1 makes a wait of 30s one of 3s")}
	case f.jobs < 1:
		return &usageError{say.Errorf("-j %d plays nothing", f.jobs), say.F("the fewest is 1")}
	case len(args) == 0 && f.shard != "":
		return &usageError{say.New("--shard without scenarios"), say.F("name them: lablab run --shard 1/5 all")}
	}
	for _, name := range []string{"groups", "group", "interfaces", "prefix-lists"} {
		if len(args) > 0 && f.given(name) {
			return &usageError{say.Errorf("--%s is for the four experiments; a scenario has groups of its own", name), say.F("leave the flag or the scenario out")}
		}
	}
	_, err := shardOf(f.shard)
	return errors.Join(f.outputFlags.check(), oneOf("--rootless", f.rootless, "auto", "always", "never"), err)
}
