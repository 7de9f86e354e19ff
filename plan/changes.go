package plan

import (
	"fmt"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// Of returns a plan that makes changes one after another, such as those of a scenario's experiments.
func Of(before *sg.Account, changes ...sg.Change) *Plan {
	p := &Plan{Kind: Changes}
	var calls []Call
	s := newState(before.Clone())
	for _, c := range changes {
		o := direct{change: c, account: s.account}
		calls = append(calls, Call{Name: o.name(), operation: o})
		if to, err := s.account.Apply(c); err == nil {
			s.account = to
		}
	}
	g := &graph{width: 1}
	g.chain(calls)
	p.settle(g)
	p.start, p.Before = newState(before), before
	return p
}

// direct is a change that the account itself can make.
type direct struct {
	change  sg.Change
	account *sg.Account // before it
}

func (o direct) apply(s *state) error {
	to, err := s.account.Apply(o.change)
	if err == nil {
		s.account = to
	}
	return err
}

func (o direct) name() string {
	switch c := o.change.(type) {
	case sg.Authorize:
		return authorizeName(direction(c.Direction))
	case sg.Revoke:
		return revokeName(direction(c.Direction))
	case sg.Attach:
		return "ModifyNetworkInterfaceAttribute"
	case sg.SetACL:
		return associateName
	}
	return "ModifyManagedPrefixList"
}

// direction returns a direction, or ingress for changes that name rules by their ids.
func direction(d packet.Direction) packet.Direction {
	if d == packet.Egress {
		return d
	}
	return packet.Ingress
}

func (o direct) about() about {
	switch c := o.change.(type) {
	case sg.Authorize:
		return authorize{group: c.Group, rules: c.Rules}.about()
	case sg.Revoke:
		return revoke{group: c.Group, rules: c.Rules}.about()
	case sg.Attach:
		was, _ := o.account.Interface(c.Interface)
		return attach{target: c.Interface, groups: c.Groups, was: was.Groups}.about()
	case sg.SetACL:
		return about{target: c.Interface, changes: []string{c.Interface}, gives: true, takes: true}
	case sg.ModifyPrefixList:
		return entries{list: c.PrefixList, remove: c.Remove, add: c.Add}.about()
	}
	return about{}
}

// A SnapshotOrder is the order in which the rules between two snapshots are supposed to change. The
// snapshots do not say it.
type SnapshotOrder string

// The orders.
const (
	RevokeFirst    SnapshotOrder = "revoke-first"
	AuthorizeFirst SnapshotOrder = "authorize-first"
	AtOnce         SnapshotOrder = "atomic"
)

// Compare returns a plan that turns one account into another: the rules of each group in the given
// order, and everything else in any order.
func Compare(before, after *sg.Account, order SnapshotOrder) *Plan {
	p := &Plan{Kind: Snapshots, failure: skipsAfter}
	g := &graph{width: 1}
	start := newState(before)
	delta := sg.Diff(before, after)
	created := map[string]int{}
	for _, group := range after.Groups {
		if before.Group(group.ID) == nil {
			start.absent[group.ID] = true
			created[group.ID] = g.add(node{calls: []Call{
				{Name: "CreateSecurityGroup", operation: createGroup{id: group.ID, name: group.Name, vpc: group.VPC}},
				{Name: revokeName(packet.Egress), operation: revoke{group.ID, packet.Egress, []sg.Rule{{ID: defaultEgress(group.ID).ID}}}},
			}})
		}
	}
	needs := func(n int, ids ...string) {
		for _, id := range ids {
			if first, found := created[id]; found {
				g.connect(n, first)
			}
		}
	}
	var all []int
	for _, group := range after.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			calls := exchange(before, group.ID, d, of(delta.Revoked, group.ID, d), of(delta.Authorized, group.ID, d), order)
			if len(calls) > 0 {
				n := g.add(node{calls: calls})
				needs(n, append(peersOf(of(delta.Authorized, group.ID, d)), group.ID)...)
				all = append(all, n)
			}
		}
	}
	for _, c := range delta.Attached {
		was, _ := before.Interface(c.Interface)
		call := Call{Name: "ModifyNetworkInterfaceAttribute", operation: attach{target: c.Interface, groups: c.Groups, was: was.Groups}}
		if was.ID == "" {
			i, _ := after.Interface(c.Interface)
			call = Call{Name: "CreateNetworkInterface", operation: launch{host: i}}
		}
		n := g.add(node{calls: []Call{call}})
		needs(n, c.Groups...)
		all = append(all, n)
	}
	for _, i := range before.Interfaces {
		if _, stays := after.Interface(i.ID); !stays {
			all = append(all, g.add(node{calls: []Call{{Name: "DeleteNetworkInterface", operation: terminate{i.ID, i.Groups}}}}))
		}
	}
	for _, c := range delta.ACLs {
		if was, found := before.Interface(c.Interface); found && was.ID != "" {
			all = append(all, g.add(node{calls: []Call{{Name: associateName, operation: direct{c, before}}}}))
		}
	}
	for _, c := range delta.PrefixLists {
		call := Call{Name: "ModifyManagedPrefixList", operation: entries{c.PrefixList, c.Remove, c.Add}}
		if i := slices.IndexFunc(after.PrefixLists, func(l sg.PrefixList) bool { return l.ID == c.PrefixList }); i >= 0 &&
			!slices.ContainsFunc(before.PrefixLists, func(l sg.PrefixList) bool { return l.ID == c.PrefixList }) {
			call = Call{Name: "CreateManagedPrefixList", operation: createList{after.PrefixLists[i]}}
		}
		all = append(all, g.add(node{calls: []Call{call}}))
	}
	for _, group := range before.Groups {
		if after.Group(group.ID) == nil {
			n := g.add(node{calls: []Call{{Name: "DeleteSecurityGroup", operation: deleteGroup{group.ID}}}})
			for _, earlier := range all {
				g.connect(n, earlier)
			}
		}
	}
	p.settle(g)
	p.start, p.Before = start, before
	return p
}

// of returns the rules of a group and a direction.
func of(list []sg.GroupRule, group string, d packet.Direction) (rules []sg.Rule) {
	for _, r := range list {
		if r.Group == group && r.Direction == d {
			rules = append(rules, r.Rule)
		}
	}
	return rules
}

// exchange returns the calls that replace rules of a group.
func exchange(before *sg.Account, group string, d packet.Direction, revoked, authorized []sg.Rule, order SnapshotOrder) (calls []Call) {
	// Snapshots without ids of rules number them, so a rule may only have changed its number.
	same := func(r sg.Rule, in []sg.Rule) bool { return slices.ContainsFunc(in, r.Same) }
	removed := slices.DeleteFunc(slices.Clone(revoked), func(r sg.Rule) bool { return same(r, authorized) })
	added := slices.DeleteFunc(slices.Clone(authorized), func(r sg.Rule) bool { return same(r, revoked) })
	for i := range added {
		for n := 2; taken(before, group, added[i].ID); n++ {
			added[i].ID = fmt.Sprintf("%s~%d", strings.SplitN(added[i].ID, "~", 2)[0], n)
		}
	}
	if order == AtOnce && len(removed)+len(added) > 0 {
		return []Call{{Name: "ModifySecurityGroupRules", operation: swap{group, d, removed, added}}}
	}
	if len(removed) > 0 {
		calls = append(calls, Call{Name: revokeName(d), operation: revoke{group, d, withoutIDs(removed)}})
	}
	if len(added) > 0 {
		calls = append(calls, Call{Name: authorizeName(d), operation: authorize{group, d, added}})
	}
	if order == AuthorizeFirst {
		slices.Reverse(calls)
	}
	return calls
}

// taken reports whether a group has a rule with an id.
func taken(a *sg.Account, group, id string) bool {
	g := a.Group(group)
	if g == nil {
		return false
	}
	_, _, found := g.Find(id)
	return found
}

func withoutIDs(rules []sg.Rule) []sg.Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].ID = ""
	}
	return rules
}

func (o direct) said() say.Sentence { return o.change.Said() }
