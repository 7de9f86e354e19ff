package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// An operation is the content of a call: what it changes.
type operation interface {
	apply(*state) error
	about() about
	said() say.Sentence
}

// about says what an operation concerns: the order of two calls can matter if one changes what the
// other changes or uses.
type about struct {
	group, target string
	changes, uses []string // of the form "rules ID" and "members ID"
	gives, takes  bool
	// joins is whether it changes who has groups and nothing else: for other targets the order of two
	// of these does not matter.
	joins bool
	// rules are those that it adds to its group and removes from it; nil if that is not all it does.
	rules     []sg.Rule
	direction packet.Direction
}

// meet reports whether the order of two operations on the same thing can matter.
func (a about) meet(b about) bool {
	switch {
	case (!a.gives || !b.takes) && (!a.takes || !b.gives):
		return false
	case a.joins && b.joins:
		return a.target == b.target
	case a.rules == nil || b.rules == nil || a.group != b.group:
		return true
	case a.direction != b.direction:
		return false
	}
	return slices.ContainsFunc(a.rules, func(r sg.Rule) bool {
		return slices.ContainsFunc(b.rules, func(o sg.Rule) bool { return overlap(r, o) })
	})
}

func rulesOf(ids ...string) []string { return each("rules ", ids) }

// membersOf are who has a group, or the entries of a prefix list.
func membersOf(ids ...string) []string { return each("members ", ids) }

func each(prefix string, ids []string) (keys []string) {
	for _, id := range ids {
		if id != "" {
			keys = append(keys, prefix+id)
		}
	}
	return keys
}

type (
	createGroup struct{ id, name, vpc string }
	deleteGroup struct{ id string }
	authorize   struct {
		group     string
		direction packet.Direction
		rules     []sg.Rule
	}
	// revoke removes rules: by their ids, or those that are the same if they have none.
	revoke struct {
		group     string
		direction packet.Direction
		rules     []sg.Rule
	}
	modifyRules struct {
		group string
		rules []sg.Rule // with the ids of the rules that they replace
		// was are these rules, if they are known, and their direction.
		was       []sg.Rule
		direction packet.Direction
	}
	// swap removes rules and adds others at the same moment.
	swap struct {
		group          string
		direction      packet.Direction
		removed, added []sg.Rule
	}
	// attach replaces the groups of a target.
	attach struct {
		target      string
		groups, was []string
	}
	// join adds a group to a target and removes another; either may be empty.
	join struct{ target, add, remove string }
	// launch creates a target with its groups.
	launch struct {
		host   sg.Interface
		remote bool // its addresses are not known
	}
	terminate struct {
		target string
		was    []string
	}
	createList struct{ list sg.PrefixList }
	deleteList struct{ id string }
	// entries changes a prefix list: it removes, then adds.
	entries struct {
		list        string
		remove, add []netip.Prefix
	}
	createACL struct{ id string }
	deleteACL struct{ id string }
	aclEntry  struct {
		acl       string
		direction packet.Direction
		rule      sg.ACLRule
		verb      aclVerb
	}
	associate struct{ subnet, acl string }
	// nothing has no effect on what is allowed.
	nothing struct{ group string }
)

// An aclVerb is what happens to an entry of a network ACL.
type aclVerb string

const (
	createEntry  aclVerb = "create"
	replaceEntry aclVerb = "replace"
	deleteEntry  aclVerb = "delete"
)

func (o createGroup) about() about { return wholeGroup(o.id) }
func (o deleteGroup) about() about { return wholeGroup(o.id) }

// named returns rules, or nil if one of them is known by its id only.
func named(rules []sg.Rule) []sg.Rule {
	if slices.ContainsFunc(rules, func(r sg.Rule) bool { return r.PeerText() == "" }) {
		return nil
	}
	return rules
}

func wholeGroup(id string) about {
	return about{group: id, changes: append(rulesOf(id), membersOf(id)...), gives: true, takes: true}
}

func (o authorize) about() about {
	return about{group: o.group, changes: rulesOf(o.group), uses: membersOf(peersOf(o.rules)...), gives: true, rules: o.rules, direction: o.direction}
}

func (o revoke) about() about {
	return about{group: o.group, changes: rulesOf(o.group), uses: membersOf(peersOf(o.rules)...), takes: true, rules: named(o.rules), direction: o.direction}
}

func (o modifyRules) about() about {
	is := about{group: o.group, changes: rulesOf(o.group), uses: membersOf(peersOf(o.rules)...), gives: true, takes: true, direction: o.direction}
	if len(o.was) > 0 {
		is.rules = named(append(slices.Clone(o.was), o.rules...))
	}
	return is
}

func (o swap) about() about {
	return about{group: o.group, changes: rulesOf(o.group), uses: membersOf(append(peersOf(o.removed), peersOf(o.added)...)...), gives: true, takes: true}
}

func (o attach) about() about    { return membership(o.target, append(o.groups, o.was...)...) }
func (o join) about() about      { return membership(o.target, o.add, o.remove) }
func (o launch) about() about    { return membership(o.host.ID, o.host.Groups...) }
func (o terminate) about() about { return membership(o.target, o.was...) }

func membership(target string, groups ...string) about {
	return about{target: target, changes: append(membersOf(groups...), target), uses: rulesOf(groups...), gives: true, takes: true, joins: true}
}

func (o createList) about() about {
	return about{target: o.list.ID, changes: membersOf(o.list.ID), gives: true, takes: true}
}

func (o deleteList) about() about {
	return about{target: o.id, changes: membersOf(o.id), gives: true, takes: true}
}

func (o entries) about() about {
	return about{target: o.list, changes: membersOf(o.list), gives: len(o.add) > 0, takes: len(o.remove) > 0}
}

func (o createACL) about() about {
	return about{target: o.id, changes: []string{o.id}, gives: true, takes: true}
}
func (o deleteACL) about() about {
	return about{target: o.id, changes: []string{o.id}, gives: true, takes: true}
}
func (o aclEntry) about() about {
	return about{target: o.acl, changes: []string{o.acl}, gives: true, takes: true}
}

func (o associate) about() about {
	return about{target: o.acl, changes: []string{o.acl, o.subnet}, gives: true, takes: true}
}

func (o nothing) about() about { return about{group: o.group} }

// peersOf returns the groups and prefix lists that rules name.
func peersOf(rules []sg.Rule) (ids []string) {
	for _, r := range rules {
		if id := cmp.Or(r.Reference.GroupID, r.PrefixList); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func (o createGroup) said() say.Sentence { return say.F("create group %s", o.id) }
func (o deleteGroup) said() say.Sentence { return say.F("delete group %s", o.id) }
func (o authorize) said() say.Sentence {
	if len(o.rules) == 0 {
		return say.F("authorize unknown %s rules in %s", o.direction, o.group)
	}
	return say.F("authorize %s %s in %s", o.direction, ruleTexts(o.rules), o.group)
}
func (o revoke) said() say.Sentence {
	if len(o.rules) == 0 {
		return say.F("revoke unknown %s rules from %s", o.direction, o.group)
	}
	return say.F("revoke %s %s from %s", o.direction, ruleTexts(o.rules), o.group)
}
func (o modifyRules) said() say.Sentence {
	changes := make([]say.Sentence, len(o.rules))
	for i, r := range o.rules {
		changes[i] = say.F("rule %s becomes %s", r.ID, r)
	}
	return say.F("modify group %s: %s", o.group, say.List(", ", changes...))
}
func (o swap) said() say.Sentence {
	return say.F("replace %s rules of group %s: %s with %s", o.direction, o.group, ruleTexts(o.removed), ruleTexts(o.added))
}
func (o attach) said() say.Sentence {
	if len(o.groups) == 0 {
		return say.F("change the groups of %s", o.target)
	}
	return say.F("change the groups of %s to %s", o.target, strings.Join(o.groups, ", "))
}
func (o join) said() say.Sentence {
	switch {
	case o.remove == "":
		return say.F("add group %s to %s", o.add, o.target)
	case o.add == "":
		return say.F("remove group %s from %s", o.remove, o.target)
	}
	return say.F("replace group %s of %s with %s", o.remove, o.target, o.add)
}
func (o launch) said() say.Sentence {
	return say.F("create %s with groups %s", o.host.ID, strings.Join(o.host.Groups, ", "))
}
func (o terminate) said() say.Sentence  { return say.F("delete %s", o.target) }
func (o createList) said() say.Sentence { return say.F("create prefix list %s", o.list.ID) }
func (o deleteList) said() say.Sentence { return say.F("delete prefix list %s", o.id) }
func (o entries) said() say.Sentence {
	return sg.ModifyPrefixList{PrefixList: o.list, Remove: o.remove, Add: o.add}.Said()
}
func (o createACL) said() say.Sentence { return say.F("create network ACL %s", o.id) }
func (o deleteACL) said() say.Sentence { return say.F("delete network ACL %s", o.id) }
func (o aclEntry) said() say.Sentence {
	switch o.verb {
	case createEntry:
		return say.F("add %s entry %s to network ACL %s", o.direction, o.rule, o.acl)
	case replaceEntry:
		return say.F("replace %s entry %d of network ACL %s with %s", o.direction, o.rule.Number, o.acl, o.rule)
	}
	return say.F("remove %s entry %d from network ACL %s", o.direction, o.rule.Number, o.acl)
}
func (o associate) said() say.Sentence {
	return say.F("attach network ACL %s to subnet %s", o.acl, o.subnet)
}
func (o nothing) said() say.Sentence { return say.F("change descriptions in group %s", o.group) }

// ruleTexts returns rules as people write them; one that is known by its id only has that.
func ruleTexts(rules []sg.Rule) string {
	texts := make([]string, len(rules))
	for i, r := range rules {
		texts[i] = r.String()
		if r.PeerText() == "" {
			texts[i] = r.ID
		}
	}
	return strings.Join(texts, ", ")
}
