package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/say"
	"lablab/sg"
)

func newRules(env Env) *cobra.Command {
	var ids []string
	var related, name, format string
	var strict bool
	c := &cobra.Command{
		Use:   "rules FILE... [--group ID]...\n  lablab rules HOST [--name LAB]",
		Short: "Print the nftables ruleset of security groups or of a lab's host",
		Long: `Rules prints the ruleset of a host with the given groups in the syntax of nft(8), just as
lablab installs it. Without --group, it covers all groups that were read. Sources that
cannot be enforced are left out and listed on standard error. Rules needs no privileges
and works on any system.

With the name of a running lab's host it prints the ruleset in force there with its
current counters, like nft list table.`,
		Example: `  lablab rules groups.json interfaces.json --group sg-0123456789abcdef0 | sudo nft -f -
  lablab rules A`,
		Args: someFiles,
		RunE: func(c *cobra.Command, files []string) error {
			asked := liveRules{name: name, format: format, files: len(ids) > 0 || c.Flags().Changed("related")}
			if found, err := asked.print(env, files); found || err != nil {
				return err
			}
			passes, err := relatedOf(related)
			if err != nil {
				return err
			}
			account, err := readAccount(files, strict)
			if err != nil {
				return err
			}
			groups, err := chosen(account, ids)
			if err != nil {
				return err
			}
			writeLeftOut(env, leftOut(account, groups))
			tables, err := enforce.Compile(enforce.Host{Account: account, Groups: groups, Related: passes})
			if err != nil {
				return err
			}
			for _, t := range tables {
				if _, err := io.WriteString(env.Stdout, t.String()); err != nil {
					return broken(err)
				}
			}
			return nil
		},
	}
	addName(c, &name)
	c.Flags().StringVar(&format, "format", "text", "output format: text, or json for a host")
	c.Flags().StringVar(&related, "related", "off", relatedUsage)
	c.Flags().BoolVar(&strict, "strict", false, strictUsage)
	c.Flags().StringArrayVar(&ids, "group", nil, "`ID` of a group of the host; may be repeated")
	return c
}

const relatedUsage = "ICMP errors about known flows to accept without a rule: off, pmtud or all"

// relatedOf parses --related.
func relatedOf(value string) (enforce.Related, error) {
	if err := oneOf("--related", value, "off", string(enforce.RelatedPMTU), string(enforce.RelatedAll)); err != nil {
		return "", err
	}
	if value == "off" {
		return enforce.RelatedOff, nil
	}
	return enforce.Related(value), nil
}

// chosen returns the groups with these ids, or all groups.
func chosen(account *sg.Account, ids []string) ([]*sg.Group, error) {
	if len(ids) == 0 {
		return account.Groups, nil
	}
	var groups []*sg.Group
	for _, id := range ids {
		g := account.Group(id)
		if g == nil {
			var known []string
			for _, g := range account.Groups {
				known = append(known, g.ID)
			}
			return nil, &usageError{say.Errorf("group %s was not found", id), say.F("found: %s", strings.Join(known, ", "))}
		}
		if !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	return groups, nil
}

// leftOut returns the sources of the groups that no rule enforces, and what was not read.
func leftOut(account *sg.Account, groups []*sg.Group) []sg.Finding {
	left := slices.DeleteFunc(account.Audit().Problems, func(f sg.Finding) bool {
		return !slices.ContainsFunc(groups, func(g *sg.Group) bool { return g.ID == f.Group })
	})
	return append(left, account.NotRead()...)
}

// writeLeftOut lists what was left out, each once.
func writeLeftOut(env Env, left []sg.Finding) {
	seen := map[string]bool{}
	for _, f := range left {
		line := env.Language.Sprintf("left out: %s", f.Said())
		if !seen[line] {
			seen[line] = true
			_, _ = fmt.Fprintln(env.Stderr, oneLine(line))
		}
	}
}

// someFiles refuses a command line without files.
func someFiles(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		if c.Name() == "rules" {
			return &usageError{say.New("no file or host given"), say.F("%s, or for a host of a running lab: %s", "lablab rules groups.json", "lablab rules A")}
		}
		return &usageError{say.New("no file given"), say.As("lablab " + c.Name() + " groups.json")}
	}
	return nil
}
