package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"lablab/internal/control"
	"lablab/say"
)

// liveRules is `lablab rules` for a host of a running lab.
type liveRules struct {
	name   string // of the lab; empty if --name was not given
	files  bool   // flags were given that apply only to files
	format string
}

// print writes the ruleset of a host, and reports whether the arguments name one. An argument is a
// file or a host, depending on which of them exists.
func (r liveRules) print(env Env, args []string) (bool, error) {
	if err := oneOf("--format", r.format, "text", "json"); err != nil {
		return false, err
	}
	switch {
	case r.files && r.name != "":
		return false, &usageError{say.New("--name selects the lab of a host; --group and --related are for files"), say.F("see lablab rules --help")}
	case r.name != "" && len(args) > 1:
		return false, &usageError{say.New("give one host at a time"), say.As("lablab rules --name " + r.name + " " + args[0])}
	// ./A is a file, whatever the hosts are called.
	case r.files || r.name == "" && (len(args) > 1 || strings.ContainsRune(args[0], os.PathSeparator)):
		return false, r.noFormat()
	}
	host := args[0]
	if r.name == "" && (strings.Contains(host, ".") || host == stdin) {
		return false, r.noFormat() // a file, whether or not it exists and whatever labs are running
	}
	_, noFile := os.Stat(host)
	ctx, cancel := env.interruptible()
	defer cancel()
	name, err := env.which(ctx, r.name)
	if err != nil {
		if r.name == "" && noFile == nil {
			err = r.noFormat()
		}
		return false, err
	}
	client := env.lab(name)
	defer client.Close()
	status, err := client.Status(ctx)
	has := slices.ContainsFunc(status.Hosts, func(h control.Host) bool { return h.Name == host })
	switch {
	case r.name != "" && err != nil:
		return false, refused(err)
	case has && r.name == "" && noFile == nil:
		return false, &usageError{say.Errorf("%s is both a file here and a host of lab %s", host, name), say.F("say which one: ./%s, or --name %s %s", host, name, host)}
	case has:
		return true, r.show(ctx, env, client, host)
	case r.name != "" || err == nil && noFile != nil:
		return false, noHost(status, host)
	case errors.Is(err, control.ErrNone) && noFile != nil:
		return false, noLab(say.Errorf("%s is neither a file nor a host: %w", host, err))
	}
	return false, r.noFormat()
}

// show writes the ruleset that is in force at a host.
func (r liveRules) show(ctx context.Context, env Env, client *control.Client, host string) error {
	rules, err := client.Rules(ctx, host)
	if err != nil {
		return refused(err)
	}
	if r.format == "json" {
		return broken(writeJSON(env.Stdout, rules))
	}
	_, err = io.WriteString(env.Stdout, rules.Text)
	return broken(err)
}

// noFormat refuses a format that files do not have.
func (r liveRules) noFormat() error {
	if r.format != "text" {
		return &usageError{say.New("rulesets of files are printed as text only"), say.F("--format json is for a host of a lab: lablab rules A --format json")}
	}
	return nil
}
