package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lablab/plan"
	"lablab/say"
	"lablab/sg"
)

func newWhatIf(env Env) *cobra.Command {
	var format string
	var binds, account []string
	var flows flowFlags
	c := &cobra.Command{
		Use:   "what-if PLAN",
		Short: "Print the EC2 calls of a change of security groups, in order",
		Long: `What-if reads a change of security groups before it is made, and prints the calls to EC2
that make it: in the likely order, which of them may come in either order, and which of them
EC2 rejects. It reads

  terraform show -json FILE, tofu show -json FILE         a plan
  aws cloudformation describe-change-set                  with --include-property-values
  pulumi preview --json
  AWS CLI commands                                        one per line
  CloudTrail                                              log files, lookup-events
  {"call":"RevokeSecurityGroupIngress","request":{…}}     one call per line

With --flows it also reads the connections that are up: conntrack -L, ss -tan, VPC flow logs,
or JSON Lines, all of them also compressed with gzip.

A value that the file does not have is resolved from what it refers to, or reported; --bind
gives it. What-if needs no privileges and works on any system. It changes nothing.`,
		Example: `  terraform show -json tfplan | lablab what-if -
  lablab what-if plan.json --groups groups.json --groups interfaces.json
  lablab what-if plan.json --flows eni-0a1=conntrack.txt --flows vpc.log.gz
  lablab what-if plan.json --bind 'aws_instance.web.vpc_security_group_ids=aws_security_group.new'`,
		Args: onePlan,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			p, err := readPlan(args[0], binds, account)
			if err != nil {
				return err
			}
			w := whatIfOf(p)
			up, err := flows.read(env)
			if err != nil {
				return err
			}
			for _, f := range up {
				w.Sources = append(w.Sources, sourceOf(f))
			}
			if format == "json" {
				return broken(writeJSON(env.Stdout, w))
			}
			return broken(w.text(say.Signs(env.Stdout, env.Getenv), env.Language))
		},
	}
	c.Flags().StringVar(&format, "format", "text", "output format: text or json")
	c.Flags().StringArrayVar(&binds, "bind", nil, "give a value that the file does not have: `ADDRESS.ATTRIBUTE=VALUE`; may be repeated")
	c.Flags().StringArrayVar(&account, "groups", nil, "`FILE` from aws ec2 describe-…: the account before the change; may be repeated")
	c.Flags().StringArrayVar(&flows.files, "flows", nil, "`FILE` of the connections that are up, or HOST=FILE; may be repeated")
	c.Flags().StringVar(&flows.logFormat, "log-format", "", "`FORMAT` of VPC flow logs without a header line: '${version} …'")
	c.Flags().StringVar(&flows.lab, "lab", "", "take the connections of the running lab `NAME`")
	return c
}

// onePlan refuses a command line without exactly one file.
func onePlan(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &usageError{say.Errorf("want one file, got %d", len(args)), say.As("terraform show -json tfplan | lablab what-if -")}
	}
	return nil
}

// readPlan reads a plan with the values that the command line gives.
func readPlan(name string, binds, account []string) (*plan.Plan, error) {
	o := plan.Options{Bind: map[string]string{}}
	for _, bind := range binds {
		key, value, found := cutBind(bind)
		if !found {
			return nil, &usageError{say.Errorf("--bind %q: want ADDRESS.ATTRIBUTE=VALUE", bind), say.F("the value is a group's id, the address of a resource, or several of them with commas")}
		}
		o.Bind[key] = value
	}
	var err error
	if len(account) > 0 {
		if o.Account, err = readAccount(account, false); err != nil {
			return nil, err
		}
	}
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

// A whatIf is what is reported of a plan.
type whatIf struct {
	Schema      int              `json:"schema"`
	File        string           `json:"file"`
	Kind        plan.Kind        `json:"kind"`
	Tool        string           `json:"tool,omitempty"`
	Steps       []whatIfStep     `json:"steps"`
	Either      [][2]int         `json:"either"`
	Lost        []whatIfLoss     `json:"lost"`
	Otherwise   []whatIfOther    `json:"otherwise"`
	Sources     []whatIfSource   `json:"sources"`
	Resources   []whatIfResource `json:"resources"`
	PartlyKnown []string         `json:"partly_known"`
	Notes       []say.Sentence   `json:"notes"`
}

// A whatIfStep is a call.
type whatIfStep struct {
	Number   int             `json:"number"`
	Call     string          `json:"call"`
	Group    string          `json:"group,omitempty"`
	Target   string          `json:"target,omitempty"`
	Resource string          `json:"resource,omitempty"`
	Line     int             `json:"line,omitempty"`
	Does     say.Sentence    `json:"does"`
	After    []int           `json:"after"`
	Result   plan.Result     `json:"result"`
	Error    string          `json:"error,omitempty"`
	err      error           // the same, in any language
	Unknown  []whatIfUnknown `json:"unresolved,omitempty"`
}

type whatIfUnknown struct {
	Attribute  string       `json:"attribute"`
	Reason     say.Sentence `json:"reason"`
	Candidates []string     `json:"candidates,omitempty"`
}

// A whatIfLoss is a rule that is missing at the end.
type whatIfLoss struct {
	Resource  string `json:"resource"`
	Group     string `json:"group"`
	Direction string `json:"direction"`
	Rule      string `json:"rule"`
}

// A whatIfOther is a pair of calls that ends differently if the first comes before the second.
type whatIfOther struct {
	First  int          `json:"first"`
	Second int          `json:"second"`
	Failed []int        `json:"failed"`
	Lost   []whatIfLoss `json:"lost"`
}

type whatIfResource struct {
	Address    string          `json:"address"`
	Type       string          `json:"type"`
	Use        plan.Use        `json:"use"`
	Reason     say.Sentence    `json:"reason"`
	Resolved   []say.Sentence  `json:"resolved,omitempty"`
	Unresolved []whatIfUnknown `json:"unresolved,omitempty"`
}

func whatIfOf(p *plan.Plan) whatIf {
	w := whatIf{
		Schema: 1, File: p.File, Kind: p.Kind, Tool: p.Tool, Steps: []whatIfStep{}, Either: append([][2]int{}, p.Either()...), Otherwise: []whatIfOther{}, Sources: []whatIfSource{},
		Resources: []whatIfResource{}, PartlyKnown: append([]string{}, p.Partial...), Notes: append([]say.Sentence{}, p.Notes...),
	}
	run := p.Run()
	for i, c := range p.Calls {
		step := whatIfStep{
			Number: c.Number, Call: c.Name, Group: c.Group(), Target: c.Target(), Resource: c.Resource, Line: c.Line, Does: c.Said(),
			After: append([]int{}, c.After...), Result: run[i].Result, Unknown: unknowns(c.Unresolved),
		}
		if run[i].Err != nil {
			step.err, step.Error = run[i].Err, run[i].Err.Error()
		}
		w.Steps = append(w.Steps, step)
	}
	w.Lost = losses(p.Lost(run))
	const most = 100 // pairs that are tried
	if more := len(w.Either) - most; more > 0 {
		w.Notes = append(w.Notes, say.F("%d pairs of calls were not tried in the other order", more))
	}
	for _, pair := range w.Either[:min(most, len(w.Either))] {
		if other, differs := otherwise(p, pair, run); differs {
			w.Otherwise = append(w.Otherwise, other)
		}
	}
	for _, r := range p.Resources {
		w.Resources = append(w.Resources, whatIfResource{r.Address, r.Type, r.Use, r.Reason, r.Resolved, unknowns(r.Unresolved)})
	}
	return w
}

func unknowns(list []plan.Unknown) (all []whatIfUnknown) {
	for _, u := range list {
		all = append(all, whatIfUnknown(u))
	}
	return all
}

func losses(list []plan.Loss) []whatIfLoss {
	all := []whatIfLoss{}
	for _, l := range list {
		all = append(all, whatIfLoss{l.Resource, l.Rule.Group, string(l.Rule.Direction), l.Rule.Rule.String()})
	}
	return all
}

// otherwise makes the second call of a pair come first, and returns what then fails and is lost, if
// that differs.
func otherwise(p *plan.Plan, pair [2]int, likely []plan.Outcome) (whatIfOther, bool) {
	run := p.Run(p.With(pair[1], pair[0])...)
	other := whatIfOther{First: pair[1], Second: pair[0], Failed: failed(run), Lost: losses(p.Lost(run))}
	before := failed(likely)
	return other, fmt.Sprint(before) != fmt.Sprint(other.Failed) || fmt.Sprint(losses(p.Lost(likely))) != fmt.Sprint(other.Lost)
}

// failed returns the numbers of the calls that EC2 rejects.
func failed(run []plan.Outcome) []int {
	numbers := []int{}
	for _, o := range run {
		if o.Result == plan.Failed {
			numbers = append(numbers, o.Call)
		}
	}
	return numbers
}

// text writes the report for people.
func (w whatIf) text(to io.Writer, l *say.Language) error {
	var b strings.Builder
	line := func(indent string, s say.Sentence) { fmt.Fprintln(&b, indent+say.Printable(s.In(l))) }
	of := say.As(w.File)
	if w.Tool != "" {
		of = say.F("%s, %s", w.File, w.Tool)
	}
	line("", say.F("%s: %s in the likely order", of, say.N(len(w.Steps), "%d call", "%d calls")))
	for _, s := range w.Steps {
		where := s.Resource
		if s.Line > 0 {
			where = say.F("line %d", s.Line).In(l)
		}
		fmt.Fprintf(&b, "  %*d  %-31s %s\n", len(strconv.Itoa(len(w.Steps))), s.Number, s.Call, say.Printable(where))
		line("       ", s.Does)
		switch s.Result {
		case plan.Failed:
			line("       ", say.F("FAILS: %s", s.err))
		case plan.Skipped:
			line("       ", say.F("not made: an earlier call fails"))
		case plan.Doubted:
			line("       ", say.F("effect unknown: %s", s.err))
		}
	}
	const few = 10 // pairs that are shown
	for _, pair := range w.Either[:min(few, len(w.Either))] {
		line("", say.F("Calls %d and %d: either may come first.", pair[0], pair[1]))
	}
	if more := len(w.Either) - few; more > 0 {
		line("", say.N(more, "and %d more such pair", "and %d more such pairs"))
	}
	w.writeLost(line, "", w.Lost)
	for _, o := range w.Otherwise {
		switch {
		case len(o.Failed) == 0:
			line("", say.F("If call %d comes before call %d, no call fails.", o.First, o.Second))
		default:
			line("", say.F("If call %d comes before call %d, EC2 rejects: %s", o.First, o.Second, numbers(o.Failed)))
		}
		w.writeLost(line, "  ", o.Lost)
	}
	for _, s := range w.Sources {
		line("", s.said())
		for _, n := range s.Notes {
			line("  ", n)
		}
	}
	for _, r := range w.Resources {
		for _, s := range r.Resolved {
			line("", say.F("Resolved: %s: %s", r.Address, s))
		}
		for _, u := range r.Unresolved {
			line("", say.F("Unresolved: %s: %s", u.Attribute, u.Reason))
			line("  ", say.F("to give it: --bind '%s=%s'", u.Attribute, cmp.Or(strings.Join(u.Candidates, " | "), "sg-…")))
		}
		if r.Use == plan.NotUnderstood {
			line("", say.F("Not understood: %s: %s", r.Address, r.Reason))
		}
	}
	if len(w.PartlyKnown) > 0 {
		line("", say.F("Known only as far as the change names it: %s", strings.Join(w.PartlyKnown, ", ")))
	}
	for _, n := range w.Notes {
		line("", say.F("Note: %s", n))
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func (w whatIf) writeLost(line func(string, say.Sentence), indent string, lost []whatIfLoss) {
	for _, m := range lost {
		line(indent, say.F("Missing at the end: %s %s in group %s (%s)", m.Direction, m.Rule, m.Group, m.Resource))
	}
}

// numbers joins numbers with commas.
func numbers(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}
