package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/fate"
	"lablab/internal/whatif"
	"lablab/live"
	"lablab/plan"
	"lablab/report"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// whatIfFlags are the flags of `lablab what-if`.
type whatIfFlags struct {
	format         string
	binds, account []string
	state          string
	quota          int
	before, after  []string
	order          string
	flows          flowFlags
	model          string
	noProve        bool
	scenario       string
	failOn         []string
}

func newWhatIf(env Env, code *int) *cobra.Command {
	var f whatIfFlags
	c := &cobra.Command{
		Use:   "what-if [PLAN]",
		Short: "Say what a change of security groups does to connections, before it is made",
		Long: `What-if reads a change of security groups before it is made. It says which connections it
cuts, which go on but could not begin again, when new ones are dropped, and what to change
so that they are not. It prints the calls to EC2 that make the change: in the likely order,
which of them may come in either order, and which of them EC2 rejects. It reads

  terraform show -json FILE, tofu show -json FILE         a plan
  aws cloudformation describe-change-set                  with --include-property-values
  pulumi preview --json
  AWS CLI commands                                        one per line
  CloudTrail                                              log files, lookup-events
  {"call":"RevokeSecurityGroupIngress","request":{…}}     one call per line

With --flows it also reads the connections that are up: conntrack -L, ss -tan, VPC flow logs,
or JSON Lines, all of them also compressed with gzip. Without, it invents some for each rule
that changes.

Everything is predicted; then one connection of each kind is played on this kernel, in each
order that makes a difference, to prove it. Where that is impossible, it says so.

A value that the file does not have is resolved from what it refers to, or reported; --bind
gives it. What-if works on any system. It changes nothing.

lablab what-if revoke and authorize ask about a lab that runs.

Exit code 0: nothing that --fail-on lists was found. 1: something was. 2: the command line or
a file is wrong. 5: the kernel disagrees with the prediction.`,
		Example: `  terraform show -json tfplan | lablab what-if -
  lablab what-if plan.json --flows eni-0a1=conntrack.txt --flows vpc.log.gz
  lablab what-if plan.json --format markdown --fail-on cut,gap,lost,apply
  lablab what-if plan.json --groups groups.json --groups interfaces.json
  lablab what-if --before old.json --after new.json
  lablab what-if plan.json --bind 'aws_instance.web.vpc_security_group_ids=aws_security_group.new'`,
		Args: func(_ *cobra.Command, args []string) error { return f.checkArguments(args) },
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			var err error
			*code, err = whatIf(env, f, args)
			return err
		},
	}
	c.AddCommand(newWhatIfRevoke(env), newWhatIfAuthorize(env))
	flags := c.Flags()
	flags.StringVar(&f.format, "format", "text", "output format: text, json, markdown, junit or html")
	flags.StringArrayVar(&f.binds, "bind", nil, "give a value that the file does not have: `ADDRESS.ATTRIBUTE=VALUE`; may be repeated")
	flags.StringArrayVar(&f.account, "groups", nil, "`FILE` from aws ec2 describe-…: the account before the change; may be repeated")
	flags.StringVar(&f.state, "state", "", "`FILE` from terraform show -json: the state as the account before the change")
	flags.IntVar(&f.quota, "quota", 0, "how many `RULES` a group may have in each direction, for IPv4 and for IPv6; 0 if unknown")
	flags.StringArrayVar(&f.before, "before", nil, "instead of a plan: `FILE` from aws ec2 describe-… before the change; may be repeated")
	flags.StringArrayVar(&f.after, "after", nil, "and `FILE` after the change; may be repeated")
	flags.StringVar(&f.order, "order", string(plan.RevokeFirst), "of the rules between --before and --after: revoke-first, authorize-first or atomic")
	flags.StringArrayVar(&f.flows.files, "flows", nil, "`FILE` or directory of the connections that are up, or HOST=FILE; may be repeated")
	flags.StringVar(&f.flows.logFormat, "log-format", "", "`FORMAT` of VPC flow logs without a header line: '${version} …'")
	flags.StringVar(&f.flows.lab, "lab", "", "take the connections of the running lab `NAME`")
	flags.StringVar(&f.model, "model", "", "predict for hosts of this enforcement `MODEL` or product, instead of EC2's")
	flags.BoolVar(&f.noProve, "no-prove", false, "do not play the change on this kernel")
	flags.StringVar(&f.scenario, "scenario", "", "write the scenario that proves it to `FILE`")
	flags.StringSliceVar(&f.failOn, "fail-on", nil, "exit with 1 if there is a finding of these `KINDS`: cut, gap, lost, return, apply, unresolved")
	return c
}

// check finds errors in the flags.
func (f whatIfFlags) check() error {
	if err := oneOf("--format", f.format, "text", "json", "markdown", "junit", "html"); err != nil {
		return err
	}
	if err := oneOf("--order", f.order, string(plan.RevokeFirst), string(plan.AuthorizeFirst), string(plan.AtOnce)); err != nil {
		return err
	}
	if f.quota < 0 {
		return &usageError{say.Errorf("--quota %d is negative", f.quota), say.F("EC2's default is 60")}
	}
	for _, kind := range f.failOn {
		if err := oneOf("--fail-on", kind, "cut", "gap", "lost", "return", "apply", "unresolved"); err != nil {
			return err
		}
	}
	return nil
}

// whatIf reports what a change does, and returns the exit code.
func whatIf(env Env, f whatIfFlags, args []string) (int, error) {
	unproved := say.F("--no-prove was given")
	if !f.noProve {
		done, code, reason, err := mayProve(env)
		if done || err != nil {
			return code, err
		}
		unproved = reason
	}
	model := enforce.Choice{Model: enforce.Default()}
	if f.model != "" {
		var err error
		if model, err = modelOf("--model", f.model); err != nil {
			return 0, err
		}
	}
	p, err := f.plan(args)
	if err != nil {
		return 0, err
	}
	sources, err := f.flows.read(env)
	if err != nil {
		return 0, err
	}
	if len(sources) == 0 {
		sources = append(sources, live.Representatives(accounts(p)...))
	}
	o := fate.Options{Model: model.Model, Orders: mostOrders}
	var flows []live.Flow
	for _, s := range sources {
		flows = append(flows, s.All...)
		o.Hosts = append(o.Hosts, s.Hosts...)
	}
	forecast := fate.Of(p, flows, o)
	result := whatif.Of(p, sources, forecast, model.String())
	proofs := forecast.Proofs(forecast.Representatives())
	if f.scenario != "" {
		if err := writeProof(env, f.scenario, proofs); err != nil {
			return 0, err
		}
	}
	if unproved.Empty() && len(proofs) == 0 {
		unproved = say.F("none of the connections can be played")
	}
	result.Proof = &whatif.Proof{Reason: unproved}
	var film []timeline.Event
	if unproved.Empty() {
		if result.Proof, film, err = prove(env, proofs, len(forecast.Representatives())); err != nil {
			return 0, err
		}
	}
	if f.format == "html" && film == nil {
		if len(proofs) == 0 {
			return 0, &usageError{say.New("there is no film: none of the connections can be played"), say.F("use --format text")}
		}
		if film, err = simulate(proofs[0]); err != nil {
			return 0, err
		}
	}
	if err := f.write(env, result, film); err != nil {
		return 0, broken(err)
	}
	switch {
	case result.Proof.Disagreements > 0:
		return exitDisagree, nil
	case result.Worrying(f.failOn) > 0:
		return exitNotHeld, nil
	}
	return exitHeld, nil
}

// accounts returns the account before a change and after each of its calls, in the likely order.
func accounts(p *plan.Plan) []*sg.Account {
	list := []*sg.Account{p.Before}
	for _, o := range p.Run() {
		list = append(list, o.Account)
	}
	return list
}

// mostOrders is how many orders of the calls are tried.
const mostOrders = 100

func (f whatIfFlags) write(env Env, r *whatif.Report, film []timeline.Event) error {
	switch f.format {
	case "html":
		return writePage(env.Stdout, env.Language, film, report.Of(film))
	case "json":
		return writeJSON(env.Stdout, r)
	case "markdown":
		return r.Markdown(env.Stdout, env.Language)
	case "junit":
		return r.JUnit(env.Stdout, f.failOn)
	}
	return r.Text(say.Signs(env.Stdout, env.Getenv), env.Language)
}

// checkArguments refuses a command line without exactly one file, or both snapshots.
func (f whatIfFlags) checkArguments(args []string) error {
	snapshots := len(f.before)+len(f.after) > 0
	switch {
	case snapshots && len(args) > 0:
		return &usageError{say.Errorf("unexpected argument %q: --before and --after replace the plan", args[0]), say.F("see %s --help", "lablab what-if")}
	case snapshots && (len(f.before) == 0 || len(f.after) == 0):
		return &usageError{say.New("--before and --after belong together"), say.As("lablab what-if --before old.json --after new.json")}
	case !snapshots && len(args) != 1:
		return &usageError{say.Errorf("want one file, got %d", len(args)), say.As("terraform show -json tfplan | lablab what-if -")}
	}
	return nil
}

// plan reads the plan, or compares the snapshots.
func (f whatIfFlags) plan(args []string) (*plan.Plan, error) {
	if len(args) == 0 {
		before, err := readAccount(f.before, false)
		if err != nil {
			return nil, err
		}
		after, err := readAccount(f.after, false)
		if err != nil {
			return nil, err
		}
		return plan.Compare(before, after, plan.SnapshotOrder(f.order)), nil
	}
	o := plan.Options{Bind: map[string]string{}, Quota: f.quota}
	for _, bind := range f.binds {
		key, value, found := cutBind(bind)
		if !found {
			return nil, &usageError{say.Errorf("--bind %q: want ADDRESS.ATTRIBUTE=VALUE", bind), say.F("the value is a group's id, the address of a resource, or several of them with commas")}
		}
		o.Bind[key] = value
	}
	var err error
	switch {
	case f.state != "" && len(f.account) > 0:
		return nil, &usageError{say.New("--state and --groups exclude each other"), say.F("use --groups for what AWS says, or --state for what Terraform knew")}
	case f.state != "":
		state, err := readPlan(f.state, plan.Options{})
		if err != nil {
			return nil, err
		}
		o.Account = state.Before
	case len(f.account) > 0:
		if o.Account, err = readAccount(f.account, false); err != nil {
			return nil, err
		}
	}
	return readPlan(args[0], o)
}

func readPlan(name string, o plan.Options) (*plan.Plan, error) {
	in, err := open(name)
	if err != nil {
		return nil, unreadable(name, false, err)
	}
	defer in.Close()
	p, err := plan.Read(in.name, in, o)
	var wrong *sg.FileError
	if err != nil && !errors.As(err, &wrong) {
		return nil, &usageError{err, say.F("see %s --help", "lablab what-if")}
	}
	return p, err
}

// cutBind cuts a binding at the first = outside a key such as ["a=b"].
func cutBind(bind string) (key, value string, found bool) {
	inKey := false
	for i, c := range bind {
		switch {
		case c == '"':
			inKey = !inKey
		case c == '=' && !inKey:
			return bind[:i], bind[i+1:], i > 0 && i+1 < len(bind)
		}
	}
	return bind, "", false
}
