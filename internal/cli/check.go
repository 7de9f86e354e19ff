package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lablab/lab"
	"lablab/render"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// checkFlags are the flags of `lablab check`.
type checkFlags struct {
	format, colour, rootless string
	strict, table            bool
	never                    []string
}

func newCheck(env Env, code *int) *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check FILE|DIRECTORY...",
		Short: "Validate scenarios or EC2 security-group JSON",
		Long: `Check validates scenario files. It prints what they contain, or everything that is wrong
with them, line by line, before anything is built.

It also reads the output of these AWS CLI commands, in any combination:

  aws ec2 describe-security-groups          aws ec2 describe-security-group-rules
  aws ec2 describe-network-interfaces       aws ec2 describe-prefix-lists
  aws ec2 describe-managed-prefix-lists     aws ec2 get-managed-prefix-list-entries
  aws ec2 describe-network-acls             aws ec2 describe-stale-security-groups
  aws ec2 describe-instance-types           aws ec2 describe-security-group-vpc-associations
  aws ec2 describe-vpc-peering-connections  aws ec2 describe-transit-gateway-vpc-attachments
  aws ec2 describe-transit-gateways

and prints the rules, which of their sources can be enforced, why the others cannot, and
what looks like a mistake. Every source is accounted for.

With --table it prints what each group allows in, from where: from the world, from a
range of addresses, from members of a group, or not at all.

With --never it tests statements about all packets, which it works out exactly:

  PROTOCOL [PORT | FIRST-LAST | type N [code N]] from|to ADDRESSES [except ADDRESSES]

A statement holds if no group allows such a packet to begin a flow. Otherwise each group
that does gets a counter-example, which is sent through the kernel as by probe; without
access to the kernel it is only predicted. Exit code 0: all statements hold. 1: one does
not. 6: unknown, since a rule was left out that might allow such a packet. 5: kernel and
prediction disagree.

The kind of file is detected from its content. Except for --never, which asks the kernel,
check needs no privileges; it works on any system.`,
		Example: `  lablab check mine.yaml
  lablab check tests/
  aws ec2 describe-security-groups > groups.json
  aws ec2 describe-network-interfaces > interfaces.json
  lablab check groups.json interfaces.json
  lablab check --table groups.json
  lablab check --never "tcp 22 from 0.0.0.0/0 except 10.0.0.0/8" groups.json`,
		Args: someFiles,
		RunE: func(_ *cobra.Command, files []string) (err error) {
			*code, err = f.check(env, files)
			return err
		},
	}
	c.Flags().StringVar(&f.format, "format", "text", "output format: text or json")
	c.Flags().StringArrayVar(&f.never, "never", nil, "test a `STATEMENT` about all packets, such as \"tcp 22 from 0.0.0.0/0\"; may be repeated")
	c.Flags().BoolVar(&f.table, "table", false, "print a table of what each group allows in, and from where")
	c.Flags().BoolVar(&f.strict, "strict", false, strictUsage)
	c.Flags().StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	c.Flags().StringVar(&f.rootless, "rootless", "auto", "with --never, use a user namespace: auto (when not root), always, never")
	return c
}

// check reads the files, writes what was asked for and returns the exit code.
func (f checkFlags) check(env Env, files []string) (int, error) {
	if err := errors.Join(oneOf("--format", f.format, "text", "json"), oneOf("--color", f.colour, "auto", "always", "never"),
		oneOf("--rootless", f.rootless, "auto", "always", "never")); err != nil {
		return 0, err
	}
	all, err := statements(f.never)
	if err != nil {
		return 0, err
	}
	var unable error
	if len(all) > 0 { // before any file is read: a pipe can be read only once
		done, code, err := elsewhere(env, f.rootless)
		if done && err == nil {
			return code, nil
		}
		unable = err
	}
	if files, err = env.inDirectories(files); err != nil {
		return 0, err
	}
	read, err := readMixed(files, f.strict)
	if err != nil {
		return 0, writeProblems(env, err)
	}
	if (read.account == nil || !read.account.KnowsGroups()) && (len(all) > 0 || f.table) {
		return 0, &usageError{say.New("--never and --table are about security groups, and none of the files has any"), say.F("give a file from aws ec2 describe-security-groups")}
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	ask := askKernel
	if unable != nil {
		ask = func(context.Context, *sg.Account, *sg.Group, lab.Probe) (lab.Judgement, error) {
			return lab.Judgement{}, unable
		}
	}
	if len(all) > 0 {
		read.Never, unable = never(ctx, read.account, all, ask)
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
	}
	if f.table {
		exposure := read.account.Exposure()
		read.Table = &exposure
	}
	return neverCode(read.Never), broken(f.write(env, read, unable))
}

// write writes what was read; unable is why the kernel was not asked.
func (f checkFlags) write(env Env, read checked, unable error) error {
	if f.format == "json" {
		return writeJSON(env.Stdout, read)
	}
	if err := read.text(say.Signs(env.Stdout, env.Getenv), env.Language); err != nil || read.Check == nil {
		return err
	}
	text := newText(env, f.colour)
	if read.Table != nil {
		if err := text.Exposure(*read.Table); err != nil {
			return err
		}
	}
	var reason say.Sentence
	if unable != nil {
		reason = say.F("%s", unable)
	}
	switch {
	case len(read.Never) > 0:
		return text.Statements(read.Never, reason)
	case read.Table != nil:
		return nil
	}
	return text.Check(read.Check)
}

// inDirectories returns the files, with each directory replaced by the scenarios in it and below
// it.
func (env Env) inDirectories(files []string) (all []string, err error) {
	for _, name := range files {
		found := []string{name}
		if about, err := os.Stat(name); err == nil && about.IsDir() {
			if found, err = env.below(name); err != nil {
				return nil, err
			}
		}
		all = append(all, found...)
	}
	return all, nil
}

// A checked is the result of reading files: scenarios, and the groups of all other files.
type checked struct {
	Scenarios []checkedScenario `json:"scenarios,omitempty"`
	*render.Check
	Table   *sg.Exposure       `json:"table,omitempty"`
	Never   []render.Statement `json:"never,omitempty"`
	account *sg.Account        // nil if all files are scenarios
}

// A checkedScenario summarizes a scenario.
type checkedScenario struct {
	File   string         `json:"file"`
	Name   string         `json:"name"`
	Title  string         `json:"title"`
	Hosts  []string       `json:"hosts"`
	Groups []say.Sentence `json:"groups"`
	// Rulesets are the files of the hosts' own rulesets, which only nft(8) can check.
	Rulesets    []string     `json:"rulesets,omitempty"`
	Experiments []string     `json:"experiments"`
	Streams     []string     `json:"streams"`
	Predictions int          `json:"predictions"`
	LeftOut     []sg.Finding `json:"left_out,omitempty"`
	Programs    []program    `json:"programs,omitempty"`
}

// A program is one that a scenario runs.
type program struct {
	Host    string   `json:"host"`
	Command []string `json:"command"`
	Line    int      `json:"line"`
	Column  int      `json:"column"`
	text    string   // the command in one line
}

// readMixed reads each scenario on its own, and everything else into one account. It reports the
// problems of all scenarios at once.
func readMixed(files []string, strict bool) (checked, error) {
	var read checked
	var problems []error
	account, groups := &sg.Account{}, false
	for _, name := range files {
		text, name, err := contents(name)
		if err != nil {
			return read, err
		}
		if !isScenario(name, text) {
			groups = true
			if err := account.Read(name, bytes.NewReader(text)); err != nil {
				return read, err
			}
			continue
		}
		sc, err := scenario.Read(name, text, scenario.Regular)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		read.Scenarios = append(read.Scenarios, checkedOf(sc))
	}
	if groups {
		read.account, read.Check = account, render.CheckOf(account)
		problems = append(problems, understood(account, strict))
	}
	return read, errors.Join(problems...)
}

// contents returns the contents of any file, and its name for messages. Of a file that is too large
// it reads just enough to see that.
func contents(name string) ([]byte, string, error) {
	in, err := open(name)
	if err != nil {
		return nil, name, unreadable(name, isScenario(name, nil), err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, 33<<20))
	if err != nil {
		return nil, in.name, unreadable(name, isScenario(name, nil), err)
	}
	return text, in.name, nil
}

func unreadable(name string, aScenario bool, err error) error {
	usual := say.F("choose a readable file")
	if file := withEnding(name); file != "" && errors.Is(err, fs.ErrNotExist) {
		usual = say.F("did you mean %q?", file)
	}
	if aScenario {
		return &usageError{say.Errorf("read scenario: %w", err), toReadAll(name, err, usual)}
	}
	return &usageError{say.Errorf("read security groups: %w", err), toRead(name, err, usual)}
}

// isScenario reports whether a file is a scenario rather than the output of aws ec2. A scenario may
// be JSON, which is YAML too.
func isScenario(name string, text []byte) bool {
	extension := strings.ToLower(filepath.Ext(strings.TrimSuffix(name, ".gz")))
	start := bytes.TrimSpace(text)
	switch {
	case sg.Described(text):
		return false
	case bytes.HasPrefix(start, []byte("{")):
		var members map[string]json.RawMessage
		_ = json.Unmarshal(start, &members)
		return members["experiments"] != nil || members["hosts"] != nil
	}
	return extension != ".json"
}

// readAccount reads the files one after another into one account. If it is strict, a rule that
// cannot be understood is an error.
func readAccount(files []string, strict bool) (*sg.Account, error) {
	account := &sg.Account{}
	for _, name := range files {
		in, err := open(name)
		if err != nil {
			return nil, unreadable(name, false, err)
		}
		err = account.Read(in.name, in)
		in.Close()
		if err != nil {
			return nil, err
		}
	}
	return account, understood(account, strict)
}

// understood returns the error of the first rule that could not be understood.
func understood(account *sg.Account, strict bool) error {
	if strict && len(account.Unread) > 0 {
		return account.Unread[0].Err
	}
	return nil
}

const strictUsage = "fail if a rule of a file cannot be understood, instead of leaving it out"

// checkedOf summarizes a scenario without running it.
func checkedOf(sc *scenario.Scenario) checkedScenario {
	c := checkedScenario{
		File: sc.File, Name: sc.Name, Title: sc.Title,
		Hosts: []string{}, Groups: []say.Sentence{}, Experiments: []string{}, Streams: []string{}, LeftOut: sc.LeftOut,
	}
	for _, h := range sc.Hosts {
		c.Hosts = append(c.Hosts, fmt.Sprintf("%s %s", h.Name, h.Address))
		if h.Ruleset != nil {
			c.Rulesets = append(c.Rulesets, fmt.Sprintf("%s: %s", h.Name, h.Ruleset.File))
		}
	}
	for _, g := range sc.Account.Groups {
		if slices.ContainsFunc(sc.Hosts, func(h scenario.Host) bool { return slices.Contains(h.Groups, g.Key()) }) || g.ID == g.Name {
			c.Groups = append(c.Groups, say.F("%s: %d in, %d out", g.Key(), len(g.Ingress), len(g.Egress)))
		}
	}
	for _, e := range sc.Experiments {
		c.Experiments = append(c.Experiments, e.Title)
		c.Predictions += len(e.Expect)
		for _, a := range e.Do {
			switch a := a.(type) {
			case scenario.Start:
				c.Streams = append(c.Streams, a.Stream)
			case scenario.Restart:
				c.Streams = append(c.Streams, a.As)
			}
		}
	}
	for p := range sc.Programs() {
		c.Predictions++ // its exit code
		c.Programs = append(c.Programs, program{Host: p.Host, Command: p.Command, Line: p.Place.Line, Column: p.Column, text: p.Line()})
	}
	return c
}

// text writes a few lines for each scenario.
func (c checked) text(w io.Writer, l *say.Language) error {
	var b strings.Builder
	for _, s := range c.Scenarios {
		fmt.Fprintf(&b, "%s: %s\n", say.Line(s.File), l.Text(s.Title))
		for _, row := range []struct {
			what, list say.Sentence
		}{{say.F("hosts"), say.Names(", ", s.Hosts...)}, {say.F("groups"), say.List(", ", s.Groups...)}, {say.F("streams"), say.Names(", ", s.Streams...)}} {
			b.WriteString(l.Sprintf("  %-12s %s", row.what, row.list) + "\n")
		}
		if len(s.Rulesets) > 0 {
			b.WriteString(l.Sprintf("  %-12s %s", say.F("rulesets"), say.Names(", ", s.Rulesets...)) + "\n")
		}
		for i, title := range s.Experiments {
			var what say.Sentence
			if i == 0 {
				what = say.F("experiments")
			}
			b.WriteString(l.Sprintf("  %-12s %d  %s", what, i+1, say.Text(title)) + "\n")
		}
		b.WriteString(l.Sprintf("  %-12s %d", say.F("predictions"), s.Predictions) + "\n")
		for _, f := range s.LeftOut {
			b.WriteString(l.Sprintf("  %-12s %s", say.F("left out"), f.Said()) + "\n")
		}
		for i, p := range s.Programs {
			var what say.Sentence
			if i == 0 {
				what = say.F("programs")
			}
			b.WriteString(l.Sprintf("  %-12s on %s: %s", what, p.Host, p.text) + "\n")
		}
	}
	if len(c.Scenarios) > 0 && c.Check != nil {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, say.Printable(b.String()))
	return err
}

// writeProblems writes the first problems of scenarios, each with its line and a caret, and returns
// the error that ends the command, with the number of all. It returns any other error as it is.
func writeProblems(env Env, err error) error {
	list := scenario.ProblemsOf(err)
	if len(list) == 0 {
		return err
	}
	const most, mostOfOne = 100, 20 // problems that are shown
	n, shown := 0, 0
	for _, p := range list {
		n += p.Count()
		few := *p
		few.List = p.List[:min(len(p.List), mostOfOne, most-shown)]
		few.More = p.Count() - len(few.List)
		if shown += len(few.List); len(few.List) > 0 {
			_, _ = fmt.Fprintln(env.Stderr, say.Printable(few.In(env.Language)))
		}
	}
	if shown == most && n > most {
		_, _ = fmt.Fprintln(env.Stderr, env.Language.Sprintf("only the first %d problems are shown", most))
	}
	wrong, hint := say.Errorf("%s has %s", say.Line(list[0].File), say.N(n, "%d problem", "%d problems")), say.F("fix it there; nothing was run")
	if n > 1 {
		hint = say.F("fix them there; nothing was run")
	}
	if len(list) > 1 {
		wrong = say.Errorf("%d files have %s", len(list), say.N(n, "%d problem", "%d problems"))
	}
	return &usageError{wrong, hint}
}

// oneOf refuses a value of a flag that is not one of the choices.
func oneOf(flag, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return &usageError{say.Errorf("invalid %s %q", flag, value), say.F("choose one of: %s", strings.Join(choices, ", "))}
}

// broken wraps an error of a command that had begun to write.
func broken(err error) error {
	if err == nil {
		return nil
	}
	return &brokenError{err: err}
}
