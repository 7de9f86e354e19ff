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
	"lablab/sim"
)

// runFlags are the flags of `lablab run`.
type runFlags struct {
	outputFlags
	given    func(name string) bool // whether a flag was set
	interval time.Duration
	record   string
	target   string
	rootless string
	quiet    bool
	// What the programs of scenarios may do.
	allowExec, execOutput bool
	model                 string
	related               string
	timeouts              string
	scale                 float64
	jobs                  int
	shard                 string
	show                  bool
	// The user's own group, if one is given.
	group, groups           string
	interfaces, prefixLists []string
	strict                  bool
}

func newRun(env Env, code *int) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [NAME|FILE|DIRECTORY|all]...",
		Short: "Run scenarios and show why each packet was accepted or dropped",
		Long: `Run does four experiments with two hosts in one security group:

  1  ICMP is allowed and a ping starts
  2  the ICMP rule is revoked
  3  a second ping starts
  4  the ICMP rule is restored

or runs the scenario that you name: a built-in one (see lablab list) or a file of your
own. Each experiment states its prediction first. What you see comes from the kernel:
the verdict on every packet, the conntrack entries and the rule that admitted each, and
the rules' counters.

A scenario file with exec is a program, like a Makefile: it runs only with --allow-exec,
and then with all that lablab may do.

Several scenarios, "all" (the built-in ones) or a directory (every *.yaml and *.yml file
below it) run side by side, each in a lab of its own: one line for each as it ends, then
what did not hold, and why. An error in one does not affect the others.

With --target sim, nothing runs on a kernel: the scenarios are simulated in memory, on any
system and without waiting. That shows how Linux is known to behave, and proves nothing.

It runs as root, or as an ordinary user in a user namespace. It changes nothing on the
machine and leaves nothing behind.

Exit code 0: every prediction held. 1: some did not. 2: the command line or a file is
wrong, and nothing was run. 3: this machine lacks a privilege or kernel feature. 4: a
run ended with an error. 6: whether a prediction held depends on time, and lablab was
stopped or slow. With several scenarios the worst code wins. After a signal: 128 + its
number.

On GitHub (GITHUB_ACTIONS=true) the report also goes into the job summary, and each
failed prediction becomes an annotation at its line of the scenario's file.`,
		Example: `  lablab run
  lablab run --interval 1s
  lablab run --open
  lablab run --format json --record run.jsonl
  lablab run --groups groups.json --group sg-0123456789abcdef0
  lablab run mine.yaml
  lablab run --target sim mine.yaml
  lablab run all
  lablab run --report junit=junit.xml --report markdown=report.md tests/
  lablab run --shard 2/5 tests/
  lablab run --shard auto tests/`,
		RunE: func(c *cobra.Command, args []string) error {
			f.given = c.Flags().Changed
			if err := f.check(env, args); err != nil {
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
	flags.DurationVar(&f.interval, "interval", 100*time.Millisecond, "time between packets of a stream, at least 1ms; unless given, the scenario's, or 10ms if several run")
	flags.StringVar(&f.record, "record", "", "write all events to `FILE` as JSON Lines, overwriting it; with several scenarios, a directory")
	flags.StringVar(&f.target, "target", "kernel", "run on this kernel, or simulate it in memory: kernel, sim")
	flags.StringVar(&f.model, "model", "", "enforcement `MODEL`: what a rule change does to flows that are there; unless given, the scenario's")
	flags.StringVar(&f.rootless, "rootless", "auto", "use a user namespace: auto (when not root), always, never")
	flags.StringVar(&f.groups, "groups", "", "use a group from `FILE`, written by aws ec2 describe-security-groups")
	flags.StringVar(&f.group, "group", "", "`ID` of that group (required if the file has several)")
	flags.StringArrayVar(&f.interfaces, "interfaces", nil, "`FILE` from aws ec2 describe-network-interfaces, for --groups")
	flags.StringArrayVar(&f.prefixLists, "prefix-lists", nil, "`FILE` with prefix lists or their entries, for --groups")
	flags.BoolVar(&f.strict, "strict", false, strictUsage)
	flags.StringVar(&f.related, "related", "off", relatedUsage)
	flags.StringVar(&f.timeouts, "timeouts", "nitro", "idle timeouts: nitro, nitro-v6, or those of the network interface or instance type `NAME` from --interfaces")
	flags.Float64Var(&f.scale, "time-scale", 1, "time-lapse: multiply waits and conntrack timeouts by `F`, at most 1")
	flags.IntVarP(&f.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "run `N` scenarios at a time (default: the number of processors)")
	flags.Lookup("jobs").DefValue = "0" // hides the default, so that help is the same on every machine
	flags.StringVar(&f.shard, "shard", "", "run only shard `K/N`: every Nth scenario from the Kth on, the same on every machine; auto: the one that the CI engine names")
	flags.BoolVar(&f.show, "open", false, "write a page that plays the run to a file here and print its path; open it in a browser")
	flags.BoolVar(&f.allowExec, "allow-exec", false, "let scenario files run programs of this machine (exec), with all that lablab may do")
	flags.BoolVar(&f.execOutput, "exec-output", false, "keep the last 2000 bytes that each program writes, in records and reports")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress on standard error")
}

// scenarios returns the scenarios to run. Many reports whether the arguments can name more than
// one.
func (f runFlags) scenarios(env Env, args []string) (all []*scenario.Scenario, many bool, err error) {
	if len(args) == 0 {
		sc, err := f.chosen(env)
		if err != nil {
			return nil, false, err
		}
		all = []*scenario.Scenario{sc}
	} else {
		part, _, err := shardOf(f.shard, env.Getenv)
		if err != nil {
			return nil, false, err
		}
		var names []string
		if names, many, err = env.choose(args); err != nil {
			return nil, false, err
		}
		many = many || f.shard != ""
		if all, err = load(part.take(names)); err != nil {
			return nil, false, err
		}
	}
	if all, err = f.under(all); err != nil {
		return nil, false, err
	}
	var errs []error
	if f.simulated() {
		for _, sc := range all {
			errs = append(errs, sim.Check(sc))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, false, err
	}
	if !f.allowExec {
		if err := noPrograms(all); err != nil {
			return nil, false, err
		}
	}
	for i, sc := range all {
		if err := f.adjust(sc, many); err != nil {
			return nil, false, err
		}
		all[i] = sc.Scaled(f.scale)
		if !f.given("time-scale") && !f.simulated() {
			all[i] = sc.OnKernel()
		}
	}
	return all, many, nil
}

// under gives the scenarios the model of the flags, if one is given.
func (f runFlags) under(all []*scenario.Scenario) ([]*scenario.Scenario, error) {
	if f.model == "" {
		return all, nil
	}
	model, err := modelOf("--model", f.model)
	if err != nil {
		return nil, err
	}
	for i, sc := range all {
		if all[i], err = sc.Under(model); err != nil {
			return nil, &usageError{say.Errorf("run %s: %w", sc.Name, err), say.F("choose another model: --model keep")}
		}
	}
	return all, nil
}

// simulated reports whether the scenarios run in memory.
func (f runFlags) simulated() bool { return f.target == "sim" }

// noPrograms refuses scenarios from files that run programs.
func noPrograms(scenarios []*scenario.Scenario) error {
	for _, sc := range scenarios {
		for program := range sc.Programs() {
			if sc.File == "" {
				continue // a built-in one
			}
			return &usageError{
				say.Errorf("%s:%d:%d: the scenario runs a program: %s", sc.File, program.Place.Line, program.Column, program.Line()),
				say.F("a scenario with exec is a program, like a Makefile; to see what it runs: lablab check; if you trust it, add --allow-exec"),
			}
		}
	}
	return nil
}

// adjust applies the flags to a scenario.
func (f runFlags) adjust(sc *scenario.Scenario, many bool) error {
	const pace = 10 * time.Millisecond // used when no single packets are shown
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
		if timeouts, known = sc.Account.TimeoutsOf(f.timeouts); !known {
			return &usageError{say.Errorf("--timeouts %q is neither a profile nor a network interface or instance type that was read", f.timeouts), say.F("choose nitro or nitro-v6, or give the file with the interface or type: --interfaces FILE")}
		}
	}
	sc.Timeouts = timeouts
	return nil
}

// chosen returns the four experiments, with the group of the flags if they name one. If the group is
// unsuitable, it lists the sources of that group that are left out.
func (f runFlags) chosen(env Env) (*scenario.Scenario, error) {
	if f.groups == "" {
		if f.group != "" {
			return nil, &usageError{say.New("--group needs --groups"), say.F("give the file with the group: --groups FILE")}
		}
		return scenario.FourExperiments(), nil
	}
	account, err := readAccount(slices.Concat([]string{f.groups}, f.interfaces, f.prefixLists), f.strict)
	if err != nil {
		return nil, err
	}
	if f.group == "" && len(account.Groups) == 1 {
		f.group = account.Groups[0].ID
	}
	if f.group == "" {
		return nil, &usageError{say.Errorf("there are %d groups: choose one", len(account.Groups)), say.F("choose it with --group ID")}
	}
	groups, err := chosen(account, []string{f.group})
	if err != nil {
		return nil, err
	}
	sc, err := scenario.FourExperimentsWith(account, groups[0])
	if err != nil {
		writeLeftOut(env, leftOut(account, groups))
		return nil, &usageError{err, say.F("see its rules: lablab check %s", f.groups)}
	}
	return sc, nil
}

// check finds errors in the flags before anything is built.
func (f runFlags) check(env Env, args []string) error {
	switch {
	case f.interval < time.Millisecond:
		return &usageError{say.Errorf("--interval %s is too short", f.interval), say.F("the minimum is 1ms")}
	case !(f.scale > 0 && f.scale <= 1):
		return &usageError{say.Errorf("--time-scale %v is out of range", f.scale), say.F("it must be above 0 and at most 1: 0.1 turns a wait of 30s into 3s")}
	case f.jobs < 1:
		return &usageError{say.Errorf("-j %d is too small", f.jobs), say.F("the minimum is 1")}
	case len(args) == 0 && f.shard != "":
		return &usageError{say.New("--shard needs scenarios"), say.F("name them: lablab run --shard 1/5 all")}
	}
	for _, name := range []string{"groups", "group", "interfaces", "prefix-lists"} {
		if len(args) > 0 && f.given(name) {
			return &usageError{say.Errorf("--%s is for the default experiments; a scenario has groups of its own", name), say.F("drop either the flag or the scenario")}
		}
	}
	_, _, err := shardOf(f.shard, env.Getenv)
	return errors.Join(f.outputFlags.check(), oneOf("--target", f.target, "kernel", "sim"), oneOf("--rootless", f.rootless, "auto", "always", "never"), err)
}
