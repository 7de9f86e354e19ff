package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/say"
	"lablab/scenario"
)

func newCut(env Env) *cobra.Command {
	var request control.CutRequest
	c := &cobra.Command{
		Use: "cut (FLOW | --admitted-by RULE | --all) [--host HOST]", Short: "Delete conntrack entries of a lab", Args: arguments(0, 1),
		Long: `Cut deletes conntrack entries: the one with the id that lablab flows shows, those of
flows that a rule let in, or all. The next packet of such a flow is new to the
host: the security groups are asked about it. Amid a connection of TCP it is
invalid instead, and dropped, unless a rule lets it pass untracked.`,
		Example: `  lablab cut 3053847163
  lablab cut --admitted-by icmp
  lablab cut --all --host A`,
	}
	c.Flags().StringVar(&request.AdmittedBy, "admitted-by", "", "those of flows that the rule with this `ID` let in")
	c.Flags().BoolVar(&request.All, "all", false, "all of them")
	c.Flags().StringVar(&request.Host, "host", "", "of this `HOST` only")
	next(c, env.Language.Sprintf("what becomes of the next packets: lablab trace"))
	return changing(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		if err := cutWhat(&request, args); err != nil {
			return err
		}
		if err := knownRule(ctx, lab, request.AdmittedBy); err != nil {
			return err
		}
		n, err := lab.Cut(ctx, request)
		switch {
		case err != nil:
			return err
		case n == 0 && request.ConntrackID != 0:
			return &usageError{say.Errorf("no flow has the id %d", request.ConntrackID), say.F("the ids are in the second column: lablab flows")}
		case n == 1:
			_, err = fmt.Fprintln(env.Stdout, env.Language.Sprintf("1 entry deleted"))
		default:
			if n == 0 {
				next(c, env.Language.Sprintf("which rules let flows in: lablab flows"))
			}
			_, err = fmt.Fprintln(env.Stdout, env.Language.Sprintf("%d entries deleted", n))
		}
		return broken(err)
	})
}

// knownRule refuses the id of a rule that no group has or had; none is none.
func knownRule(ctx context.Context, lab *control.Client, id string) error {
	if id == "" {
		return nil
	}
	status, err := lab.Status(ctx)
	if err != nil {
		return err
	}
	if ids := ruleNames(status); !slices.Contains(ids, id) {
		return &usageError{say.Errorf("the lab has no rule %q", id), scenario.DidYouMean(id, ids)}
	}
	return nil
}

// cutWhat takes the flow's id from the arguments. It must be clear what is meant.
func cutWhat(request *control.CutRequest, args []string) error {
	ways := len(args)
	if request.AdmittedBy != "" {
		ways++
	}
	if request.All {
		ways++
	}
	if ways != 1 {
		return &usageError{say.New("cut what?"), say.F("one of: the id of a flow as lablab flows shows it, --admitted-by RULE, --all")}
	}
	if len(args) == 0 {
		return nil
	}
	id, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil || id == 0 {
		return &usageError{say.Errorf("%q is no id of a flow", args[0]), say.F("the ids are in the second column: lablab flows")}
	}
	request.ConntrackID = uint32(id)
	return nil
}
