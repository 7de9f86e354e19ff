package scenario

import (
	"net/netip"
	"slices"

	"lablab/sg"
)

// leftOut lists what does not hold in the scenario of what was read from files of groups: rules of
// its hosts' groups that cannot be enforced, and parts of the files that were not read. A rule is
// not among them if it matches one of the scenario's hosts.
func (sc *Scenario) leftOut(read *sg.Account) []sg.Finding {
	played := sc.Policy()
	for _, e := range sc.Experiments {
		for _, a := range e.Do {
			if c, ok := a.(Change); ok {
				if to, ok := c.Change.(sg.Attach); ok {
					i, _ := played.Interface(to.Interface)
					i.Groups = slices.Concat(i.Groups, to.Groups)
					played.Attach(i)
				}
			}
		}
	}
	var left []sg.Finding
	for _, f := range read.Audit().Problems {
		if g := read.Group(f.Group); g != nil && g.ID != g.Name && held(played, g.Key()) && !matches(played, g, f.Rule) {
			left = append(left, f)
		}
	}
	return append(left, read.NotRead()...)
}

// held reports whether an interface has the group.
func held(a *sg.Account, group string) bool {
	return slices.ContainsFunc(a.Interfaces, func(i sg.Interface) bool { return slices.Contains(i.Groups, group) })
}

// matches reports whether a rule matches an address of the account.
func matches(a *sg.Account, g *sg.Group, id string) bool {
	r, d, found := g.Find(id)
	if !found {
		return false
	}
	peers, reason := a.Peers(sg.GroupRule{Group: g.ID, Direction: d, Rule: r})
	return reason.Empty() && slices.ContainsFunc(peers, netip.Prefix.IsValid)
}
