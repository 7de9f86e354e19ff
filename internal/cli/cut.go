package cli

import (
	"context"
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
		Long: `Cut deletes conntrack entries: the one with the given id (see lablab flows), those of
flows that a rule admitted, or all. The next packet of such a flow is new to the host
and is checked against the security groups. Mid-connection, a TCP packet is invalid
instead, and dropped unless a rule allows it untracked.`,
		Example: `  lablab cut 3053847163
  lablab cut --admitted-by icmp
  lablab cut --all --host A`,
	}
	c.Flags().StringVar(&request.AdmittedBy, "admitted-by", "", "entries of flows that the rule with this `ID` admitted")
	c.Flags().BoolVar(&request.All, "all", false, "all entries")
	c.Flags().StringVar(&request.Host, "host", "", "entries on this `HOST` only")
	next(c, env.Language.Sprintf("for the verdict on the next packets: lablab trace"))
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
			return &usageError{say.Errorf("no flow has id %d", request.ConntrackID), say.F("ids are in the second column of lablab flows")}
		case n == 1:
			return env.did(env.Language.Sprintf("1 entry deleted"))
		case n == 0:
			next(c, env.Language.Sprintf("to see which rules admit flows: lablab flows"))
		}
		return env.did(env.Language.Sprintf("%d entries deleted", n))
	})
}

// knownRule refuses the id of a rule that no group has or had. It accepts the empty id.
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

// cutWhat takes the flow's id from the arguments. It refuses a request that is ambiguous or empty.
func cutWhat(request *control.CutRequest, args []string) error {
	ways := len(args)
	if request.AdmittedBy != "" {
		ways++
	}
	if request.All {
		ways++
	}
	if ways != 1 {
		return &usageError{say.New("say what to cut"), say.F("a flow's id from lablab flows, --admitted-by RULE, or --all")}
	}
	if len(args) == 0 {
		return nil
	}
	id, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil || id == 0 {
		return &usageError{say.Errorf("%q is not a flow id", args[0]), say.F("ids are in the second column of lablab flows")}
	}
	request.ConntrackID = uint32(id)
	return nil
}
