package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// prefixListFlags are the flags of `aws ec2 modify-managed-prefix-list`.
type prefixListFlags struct {
	id          string
	add, remove []string
}

func newPrefixList(env Env) *cobra.Command {
	var f prefixListFlags
	c := &cobra.Command{
		Use:   "prefix-list [ID] [flags]",
		Short: "Show the prefix lists of a lab, or change the entries of one",
		Long: `Prefix-list shows the prefix lists of a lab. With --add-entries or --remove-entries it
changes the entries of one, as "aws ec2 modify-managed-prefix-list" does: it removes
entries first, then adds others. An entry is an address range; "Cidr=" may precede it.`,
		Example: `  lablab prefix-list
  lablab prefix-list office --remove-entries Cidr=203.0.113.0/24 --add-entries Cidr=198.51.100.0/24`,
		Args: arguments(0, 1),
	}
	c.Flags().StringVar(&f.id, "prefix-list-id", "", "`ID` of the prefix list (required if the lab has several)")
	c.Flags().StringSliceVar(&f.add, "add-entries", nil, "`ENTRIES` to add, separated by commas; may be repeated")
	c.Flags().StringSliceVar(&f.remove, "remove-entries", nil, "`ENTRIES` to remove, separated by commas; may be repeated")
	which := func(ctx context.Context, name string) (string, error) {
		if f.changes() {
			return env.whichToChange(ctx, name)
		}
		return env.which(ctx, name)
	}
	return asking(env, c, which, func(ctx context.Context, lab *control.Client, args []string) error {
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		if !f.changes() {
			return f.show(env, c, status, args)
		}
		change, err := f.change(status, args)
		if err != nil {
			return err
		}
		done, err := lab.Apply(ctx, change)
		if err != nil {
			return inPrefixListWords(err, change.PrefixList, status)
		}
		next(c, effect(done, say.F("established flows are not affected, only new ones: lablab flows"), "lablab cut").In(env.Language))
		if status, err = lab.Status(ctx); err != nil {
			return err
		}
		for _, l := range status.PrefixLists {
			if l.ID == change.PrefixList {
				_, err = fmt.Fprintln(env.Stdout, oneLine(timeline.PrefixListChanged{ModifyPrefixList: change, Entries: l.Entries}.Now().In(env.Language)))
			}
		}
		return broken(err)
	})
}

func (f prefixListFlags) changes() bool { return len(f.add)+len(f.remove) > 0 }

// named returns the id that was given as an argument or a flag, if any.
func (f prefixListFlags) named(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return f.id
}

// show writes all prefix lists, or one.
func (f prefixListFlags) show(env Env, c *cobra.Command, status control.Status, args []string) (err error) {
	id := f.named(args)
	switch ids := prefixListIDs(status); {
	case len(ids) == 0:
		_, err = fmt.Fprintln(env.Stdout, oneLine(env.Language.Sprintf("lab %s has no prefix lists", status.Name)))
		return broken(err)
	case id != "" && !slices.Contains(ids, id):
		return &usageError{say.Errorf("the lab has no prefix list %q", id), scenario.DidYouMean(id, ids)}
	}
	next(c, env.Language.Sprintf("to change one: lablab prefix-list ID --remove-entries CIDR --add-entries CIDR"))
	for _, l := range status.PrefixLists {
		if id == "" || l.ID == id {
			_, err = fmt.Fprintln(env.Stdout, oneLine(prefixListLine(env.Language, l)))
		}
	}
	return broken(err)
}

// prefixListLine shows a prefix list and its entries.
func prefixListLine(l *say.Language, list control.PrefixList) string {
	if len(list.Entries) == 0 {
		return l.Sprintf("prefix list %s: no entries", list.ID)
	}
	entries := make([]string, len(list.Entries))
	for i, e := range list.Entries {
		entries[i] = e.String()
	}
	return l.Sprintf("prefix list %s: %s", list.ID, say.Names(", ", entries...))
}

// change returns the change that the flags request.
func (f prefixListFlags) change(status control.Status, args []string) (change sg.ModifyPrefixList, err error) {
	change.PrefixList = f.named(args)
	if strings.HasPrefix(change.PrefixList, "Cidr=") { // the AWS CLI separates entries by spaces
		return change, &usageError{say.Errorf("unexpected argument %q", change.PrefixList), say.F("separate entries by commas: --add-entries Cidr=203.0.113.0/24,Cidr=198.51.100.0/24")}
	}
	if ids := prefixListIDs(status); change.PrefixList == "" {
		if len(ids) != 1 {
			return change, &usageError{say.New("no prefix list given"), scenario.DidYouMean("", ids)}
		}
		change.PrefixList = ids[0]
	}
	if change.Add, err = entriesOf("--add-entries", f.add); err != nil {
		return change, err
	}
	change.Remove, err = entriesOf("--remove-entries", f.remove)
	return change, err
}

// entriesOf parses entries: 203.0.113.0/24, or as the AWS CLI has them, whose descriptions have no
// effect here: Cidr=203.0.113.0/24,Description=office.
func entriesOf(flag string, words []string) (entries []netip.Prefix, err error) {
	for _, word := range words {
		if strings.HasPrefix(word, "Description=") {
			continue
		}
		p, err := netip.ParsePrefix(strings.TrimPrefix(word, "Cidr="))
		if err != nil {
			return nil, &usageError{say.Errorf("%s: %q is not an address range", flag, word), say.F("for example %s Cidr=203.0.113.0/24", flag)}
		}
		entries = append(entries, p.Masked())
	}
	return entries, nil
}

// inPrefixListWords returns an error in the AWS CLI's words.
func inPrefixListWords(err error, id string, status control.Status) error {
	var ec2 *sg.Error
	if !errors.As(err, &ec2) {
		return err
	}
	hint := say.F("see its entries: lablab prefix-list")
	if ec2.Code == sg.PrefixListNotFound {
		hint = scenario.DidYouMean(id, prefixListIDs(status))
	}
	return &usageError{errors.New(ec2.CLI("ModifyManagedPrefixList")), hint}
}

func prefixListIDs(status control.Status) (ids []string) {
	for _, l := range status.PrefixLists {
		ids = append(ids, l.ID)
	}
	return ids
}
