package cli

import (
	"cmp"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"lablab/say"
)

// newRoot returns the command `lablab`. A command that has run sets code.
func newRoot(env Env, code *int) *cobra.Command {
	root := &cobra.Command{
		Use:   "lablab",
		Short: "See how stateful firewalls really behave",
		Long: `lablab shows how a stateful firewall such as an AWS security group really behaves, on
one Linux machine, with the kernel's own conntrack. It builds two hosts out of network
namespaces, gives them a security group as nftables rules, runs pings between them,
changes a rule, and shows from kernel traces why each packet was accepted or dropped.`,
		Version:       version(),
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.Flags().BoolP("version", "v", false, "print the version")
	root.SetVersionTemplate("lablab {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{flagError(err), say.F("see %s --help", c.CommandPath())}
	})
	root.SuggestionsMinimumDistance = 2
	root.SetHelpTemplate("{{if not .HasParent}}Start with: lablab run\n\n{{end}}" + root.HelpTemplate())
	cobra.EnableCommandSorting = false // commands within a group are in the order of use
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Start here:", []*cobra.Command{newRun(env, code), newList(env), newShow(env), newCompare(env, code), newModels(env), newReplay(env, code), newReport(env, code)}},
		{"Work in a lab:", []*cobra.Command{
			newUp(env, code), newExec(env), newStatus(env), newFlows(env), newTrace(env), newRevoke(env), newAuthorize(env), newGroups(env), newPrefixList(env), newACL(env), newCut(env),
			newLoad(env), newRecord(env), newCapture(env), newEvents(env), newPS(env), newDown(env),
		}},
		{"Your own rules:", []*cobra.Command{newCheck(env, code), newWhatIf(env, code), newRules(env), newProbe(env, code), newSchema(env)}},
		{lastGroup, []*cobra.Command{newDoctor(env, code)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID(lastGroup)
	root.SetCompletionCommandGroupID(lastGroup)
	root.AddCommand(newOutlive(env))
	refuseUnknownHelp(root)
	speak(env.Language, root)
	addCompletions(env, root)
	return root
}

// lastGroup is the group of commands without another group.
const lastGroup = "This program:"

// Commands returns lablab with all its commands, for generated documentation and tests.
func Commands() *cobra.Command {
	return newRoot(Env{Stdout: os.Stdout, Stderr: os.Stderr, Getenv: func(string) string { return "" }}, new(int))
}

// refuseUnknownHelp makes `help` refuse words that are not commands.
func refuseUnknownHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"}) // it exists by now
	help.Args = func(_ *cobra.Command, args []string) error {
		if of, _, err := root.Find(args); of != root || err != nil {
			return err
		}
		return knownCommand(root, args)
	}
}

// knownCommand refuses words that are not commands.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := say.F("see %s --help", "lablab")
	if similar := root.SuggestionsFor(args[0]); len(similar) > 0 {
		hint = say.F("did you mean: lablab %s", slices.MaxFunc(similar, func(a, b string) int {
			return cmp.Or(alike(a, args[0])-alike(b, args[0]), len(b)-len(a))
		}))
	}
	return &usageError{say.Errorf("unknown command %q for %q", args[0], root.Name()), hint}
}

// alike returns the length of the common prefix of two words.
func alike(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
