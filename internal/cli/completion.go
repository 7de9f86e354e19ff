package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/internal/control"
	"lablab/lab"
	"lablab/say"
	"lablab/scenario"
)

// A completer returns the possible words at one place of the command line.
type completer = cobra.CompletionFunc

// addCompletions sets the completions of arguments and flags: names of labs, hosts, groups, rules
// and scenarios.
func addCompletions(env Env, root *cobra.Command) {
	host := env.first(hostNamesOf, cobra.ShellCompDirectiveNoFileComp)
	arguments := map[string]completer{
		"acl": host, "flows": host, "trace": host, "capture": host,
		"exec":   env.first(hostNamesOf, cobra.ShellCompDirectiveDefault),
		"rules":  env.first(hostNamesOf, cobra.ShellCompDirectiveDefault),
		"cut":    env.first(flowIDs, cobra.ShellCompDirectiveNoFileComp),
		"revoke": env.any(ruleWords(inForce)), "authorize": env.any(ruleWords(revoked)), "groups": env.hostThenGroups,
		"prefix-list": env.first(prefixListWords, cobra.ShellCompDirectiveNoFileComp),
		"status":      cobra.NoFileCompletions, "events": cobra.NoFileCompletions,
		"ps": cobra.NoFileCompletions, "down": cobra.NoFileCompletions,
		"up": env.scenarios, "load": env.builtins, "run": env.scenarios, "compare": env.scenarios, "check": env.scenarios, "show": env.scenarios,
		"models": env.models,
	}
	flags := map[string]completer{
		"name": env.labs, "host": env.any(hostNamesOf), "admitted-by": env.any(ruleWords(all)),
		"group-id": env.any(groupIDs), "source-group": env.any(groupIDs), "from": env.any(hostNamesOf),
		"prefix-list-id": env.any(prefixListWords), "remove-entries": env.any(entryWords), "add-entries": cobra.NoFileCompletions,
	}
	_ = root.RegisterFlagCompletionFunc(langFlag, oneWordOf(say.Languages()))
	for _, c := range root.Commands() {
		flags["security-group-rule-ids"] = arguments[c.Name()] // of authorize and revoke
		if complete, known := arguments[c.Name()]; known {
			c.ValidArgsFunction = complete
		}
		for name, complete := range flags {
			if c.Flags().Lookup(name) != nil && c.Flags().Lookup("groups") == nil { // not of probe and the like
				_ = c.RegisterFlagCompletionFunc(name, complete) // fails only for unknown flags
			}
		}
		for name, words := range wordsOf(c.Name()) {
			if c.Flags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, oneWordOf(words))
			}
		}
	}
}

// wordsOf returns the possible values of those flags of a command that take one of a few words.
func wordsOf(command string) map[string][]string {
	often := []string{"auto", "always", "never"}
	words := map[string][]string{
		"format": {"text", "json"}, "protocol": {"tcp", "udp", "icmp", "icmpv6"}, "color": often, "rootless": often,
		"state": states(),
		"model": enforce.Names(), "models": enforce.Names(),
		"related": {"off", string(enforce.RelatedPMTU), string(enforce.RelatedAll)},
	}
	switch command {
	case "run", "replay", "report":
		words["format"] = formats()
	case "models":
		words["format"] = []string{"text", "json", "markdown"}
	case "compare":
		words["format"] = []string{"text", "json", "markdown", pageFormat}
	case "what-if":
		words["format"] = []string{"text", "json", "markdown", "junit", "html"}
	case "trace":
		words["format"] = []string{"text", "jsonl"}
	case "events":
		words["format"] = []string{"jsonl"}
	case "authorize", "revoke":
		words["protocol"] = append(words["protocol"], "all")
	}
	return words
}

// states returns the values of --state.
func states() (words []string) {
	for _, k := range lab.Knowns() {
		words = append(words, string(k))
	}
	return words
}

func oneWordOf(words []string) completer {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// labs completes the names of running labs.
func (env Env) labs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names, _ := control.Names(control.Directory(env.Getenv, owner()))
	return printableWords(names), cobra.ShellCompDirectiveNoFileComp
}

// A look finds words in a lab, each with a description after a tab.
type look func(ctx context.Context, lab *control.Client) ([]string, error)

// ask calls find with the lab that the command addresses. It gives up soon, since the shell is
// waiting.
func (env Env) ask(c *cobra.Command, find look) []string {
	const patience = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	given, _ := c.Flags().GetString("name")
	name, err := env.which(ctx, given)
	if err != nil {
		return nil
	}
	client := env.lab(name)
	defer client.Close()
	words, err := find(ctx, client)
	if err != nil {
		return nil
	}
	return printableWords(words)
}

// any completes each word with the results of find.
func (env Env) any(find look) completer {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return env.ask(c, find), cobra.ShellCompDirectiveNoFileComp
	}
}

// first completes the first word with the results of find; then applies to later words.
func (env Env) first(find look, then cobra.ShellCompDirective) completer {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, then
		}
		return env.ask(c, find), then
	}
}

func (env Env) hostThenGroups(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	find := look(groupIDs)
	if len(args) == 0 {
		find = hostNamesOf
	}
	return env.ask(c, find), cobra.ShellCompDirectiveNoFileComp
}

func hostNamesOf(ctx context.Context, lab *control.Client) (words []string, err error) {
	status, err := lab.Status(ctx)
	for _, h := range status.Hosts {
		words = append(words, h.Name+"\t"+h.Address)
	}
	return words, err
}

func groupIDs(ctx context.Context, lab *control.Client) (words []string, err error) {
	status, err := lab.Status(ctx)
	for _, g := range status.Groups {
		words = append(words, g.ID+"\tof "+strings.Join(g.Hosts, ", "))
	}
	return words, err
}

// prefixListWords finds the prefix lists.
func prefixListWords(ctx context.Context, lab *control.Client) (words []string, err error) {
	status, err := lab.Status(ctx)
	for _, l := range status.PrefixLists {
		words = append(words, fmt.Sprintf("%s\t%v", l.ID, l.Entries))
	}
	return words, err
}

// entryWords finds the entries of all prefix lists.
func entryWords(ctx context.Context, lab *control.Client) (words []string, err error) {
	status, err := lab.Status(ctx)
	for _, l := range status.PrefixLists {
		for _, e := range l.Entries {
			words = append(words, fmt.Sprintf("%s\t%s", e, l.ID))
		}
	}
	return words, err
}

// ruleWords finds the rules of each group.
func ruleWords(of func(control.Group) []control.Rule) look {
	return func(ctx context.Context, lab *control.Client) (words []string, err error) {
		status, err := lab.Status(ctx)
		for _, g := range status.Groups {
			for _, r := range of(g) {
				words = append(words, fmt.Sprintf("%s\t%s %s", r.ID, r.Direction, r.Text))
			}
		}
		return words, err
	}
}

func flowIDs(ctx context.Context, lab *control.Client) (words []string, err error) {
	flows, err := lab.Flows(ctx, "")
	for _, f := range flows {
		words = append(words, fmt.Sprintf("%d\t%s %s", f.ConntrackID, f.Host, f.Key))
	}
	return words, err
}

// scenarios completes built-in scenarios; the shell adds files.
func (env Env) scenarios(*cobra.Command, []string, string) (words []string, _ cobra.ShellCompDirective) {
	for _, name := range scenario.Builtins() {
		sc, _ := scenario.Builtin(name)
		words = append(words, name+"\t"+env.Language.Text(sc.Title))
	}
	return words, cobra.ShellCompDirectiveDefault
}

// printableWords returns the words that a terminal shows as they are.
func printableWords(words []string) []string {
	for i, w := range words {
		name, description, found := strings.Cut(w, "\t")
		if words[i] = oneLine(name); found {
			words[i] += "\t" + oneLine(description)
		}
	}
	return words
}
