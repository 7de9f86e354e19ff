package cli

import (
	"context"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/fate"
	"lablab/internal/control"
	"lablab/internal/whatif"
	"lablab/live"
	"lablab/plan"
	"lablab/say"
	"lablab/sg"
)

func newWhatIfRevoke(env Env) *cobra.Command {
	return newWhatIfRule(env, "Revoke", &cobra.Command{
		Use:   "revoke [RULE-ID]... [flags]",
		Short: "Say what lablab revoke would do to the flows of a lab that runs",
		Example: `  lablab what-if revoke icmp
  lablab what-if revoke --protocol icmp --port -1 --cidr 10.255.0.0/16`,
	}, inForce, func(a sg.Authorize) sg.Change { return sg.Revoke(a) })
}

func newWhatIfAuthorize(env Env) *cobra.Command {
	return newWhatIfRule(env, "Authorize", &cobra.Command{
		Use:   "authorize [RULE-ID]... [flags]",
		Short: "Say what lablab authorize would do to the flows of a lab that runs",
		Example: `  lablab what-if authorize --protocol tcp --port 22 --cidr 0.0.0.0/0
  lablab what-if authorize icmp`,
	}, revoked, func(a sg.Authorize) sg.Change { return a })
}

// newWhatIfRule returns the command that asks about a change of rules. It changes nothing.
func newWhatIfRule(env Env, verb string, c *cobra.Command, of func(control.Group) []control.Rule, as func(sg.Authorize) sg.Change) *cobra.Command {
	var f ruleFlags
	f.add(c)
	return asking(env, c, env.which, func(ctx context.Context, lab *control.Client, args []string) error {
		status, err := lab.Status(ctx)
		if err != nil {
			return err
		}
		change, err := f.change(status, args, of)
		if err != nil {
			return err
		}
		account, models, err := labAccount(status)
		if err != nil {
			return err
		}
		if _, err := account.Apply(as(change)); err != nil {
			return inAWSWords(err, f.operation(verb), change, status)
		}
		flows, err := lab.Flows(ctx, "")
		if err != nil {
			return err
		}
		p := plan.Of(account, as(change))
		p.File = status.Name
		sources := []*live.Flows{{File: status.Name, Kind: live.Lab, All: known(flows)}}
		r := whatif.Of(p, sources, fate.Of(p, sources[0].All, fate.Options{Models: models}), "")
		return broken(r.Brief(say.Signs(env.Stdout, env.Getenv), env.Language))
	})
}

// known returns each flow of a lab once: it is up if packets were seen in both directions.
func known(entries []control.Flow) (flows []live.Flow) {
	for _, e := range entries {
		f := liveOf(e)
		f.Rejected = !f.Replied
		if !f.Untracked {
			f.Host = "" // its addresses say enough
		}
		i := slices.IndexFunc(flows, func(o live.Flow) bool { return o.Key == f.Key })
		switch {
		case i < 0:
			flows = append(flows, f)
		case f.Replied && !flows[i].Untracked:
			flows[i] = f
		}
	}
	return flows
}

// labAccount returns a lab as an account, with its hosts as interfaces, and their models.
func labAccount(status control.Status) (*sg.Account, map[string]enforce.Model, error) {
	a := &sg.Account{}
	models := map[string]enforce.Model{}
	for _, g := range status.Groups {
		group := &sg.Group{ID: g.ID, Name: g.ID}
		for _, r := range g.Rules {
			if err := group.Authorize(r.Direction, r.Rule); err != nil {
				return nil, nil, err
			}
		}
		for _, r := range g.Revoked {
			a.Revoked = append(a.Revoked, sg.GroupRule{Group: g.ID, Direction: r.Direction, Rule: r.Rule})
		}
		a.Groups = append(a.Groups, group)
	}
	for _, l := range status.PrefixLists {
		a.PrefixLists = append(a.PrefixLists, sg.PrefixList{ID: l.ID, Known: true, Entries: l.Entries})
	}
	for _, h := range status.Hosts {
		i := sg.Interface{ID: h.Name, Groups: h.Groups, ACL: h.ACLRules}
		for _, text := range []string{h.Address, h.Second} {
			if p, err := netip.ParsePrefix(text); err == nil {
				i.Addresses = append(i.Addresses, p.Addr())
			}
		}
		a.Attach(i)
		m, err := enforce.Parse(h.Model)
		if err != nil {
			return nil, nil, err
		}
		models[h.Name] = m.Model
	}
	return a, models, nil
}
