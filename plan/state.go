package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// Further error codes of EC2, beyond those in package sg (EC2 API reference, "Error codes").
const (
	dependencyViolation = "DependencyViolation"
	groupDuplicate      = "InvalidGroup.Duplicate"
	tooManyRules        = "RulesPerSecurityGroupLimitExceeded"
	aclNotFound         = "InvalidNetworkAclID.NotFound"
	entryExists         = "NetworkAclEntryAlreadyExists"
	entryNotFound       = "InvalidNetworkAclEntry.NotFound"
)

// A state is the account at one moment of a change, with what else decides about EC2's errors. It is
// changed by replacing what it refers to, so copies are cheap.
type state struct {
	account *sg.Account
	// attached are the groups of targets whose addresses are not known, such as load balancers.
	attached map[string][]string
	acls     map[string]sg.ACL
	guards   map[string]string // the network ACL of each subnet
	// absent are the groups, prefix lists and network ACLs that do not exist at this moment.
	absent map[string]bool
	// partial are the groups of which not all rules are known.
	partial map[string]bool
	quota   int
}

func newState(a *sg.Account) *state {
	return &state{account: a, attached: map[string][]string{}, acls: map[string]sg.ACL{}, guards: map[string]string{}, absent: map[string]bool{}, partial: map[string]bool{}}
}

// clone returns a copy that can be changed.
func (s *state) clone() *state {
	c := *s
	account := *s.account
	account.Groups, account.Interfaces, account.PrefixLists = slices.Clone(account.Groups), slices.Clone(account.Interfaces), slices.Clone(account.PrefixLists)
	c.account = &account
	c.attached, c.acls, c.guards, c.absent = maps.Clone(s.attached), maps.Clone(s.acls), maps.Clone(s.guards), maps.Clone(s.absent)
	return &c
}

// group returns a group that can be changed.
func (s *state) group(id string) (*sg.Group, error) {
	i := slices.IndexFunc(s.account.Groups, func(g *sg.Group) bool { return g.ID == id })
	if i < 0 || s.absent[id] {
		return nil, &sg.Error{Code: sg.GroupNotFound, Message: fmt.Sprintf("The security group '%s' does not exist", id)}
	}
	s.account.Groups[i] = s.account.Groups[i].Clone()
	return s.account.Groups[i], nil
}

// exist returns EC2's error if one of the groups and prefix lists does not exist.
func (s *state) exist(ids ...string) error {
	for _, id := range ids {
		switch {
		case !s.absent[id]:
		case strings.HasPrefix(id, "pl-"):
			return &sg.Error{Code: sg.PrefixListNotFound, Message: fmt.Sprintf("The prefix list (%s) does not exist.", id)}
		default:
			return &sg.Error{Code: sg.GroupNotFound, Message: fmt.Sprintf("The security group '%s' does not exist", id)}
		}
	}
	return nil
}

func (o createGroup) apply(s *state) error {
	for _, g := range s.account.Groups {
		if o.name != "" && g.Name == o.name && g.VPC == o.vpc && !s.absent[g.ID] {
			return &sg.Error{Code: groupDuplicate, Message: fmt.Sprintf("The security group '%s' already exists for VPC '%s'", o.name, o.vpc)}
		}
	}
	delete(s.absent, o.id)
	g := &sg.Group{ID: o.id, Name: o.name, VPC: o.vpc, Tags: map[string]string{}}
	if err := g.Authorize(packet.Egress, defaultEgress(o.id)); err != nil {
		return err
	}
	s.account.Groups = append(s.account.Groups, g)
	return nil
}

// defaultEgress returns the rule that EC2 gives every new group (EC2 API, CreateSecurityGroup). In a
// VPC with IPv6 there is another one, for ::/0.
func defaultEgress(group string) sg.Rule {
	return sg.Rule{ID: group + ":default", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
}

func (o deleteGroup) apply(s *state) error {
	g, err := s.group(o.id)
	if err != nil {
		return err
	}
	if g.Name == "default" {
		return &sg.Error{Code: "CannotDelete", Message: fmt.Sprintf("the specified group: %q name: \"default\" cannot be deleted by a user", o.id)}
	}
	if s.inUse(o.id) {
		return &sg.Error{Code: dependencyViolation, Message: fmt.Sprintf("resource %s has a dependent object", o.id)}
	}
	s.account.Groups = slices.DeleteFunc(s.account.Groups, func(g *sg.Group) bool { return g.ID == o.id })
	s.absent[o.id] = true
	return nil
}

// inUse reports whether a group is attached to something, or a rule of another group names it.
func (s *state) inUse(id string) bool {
	for _, i := range s.account.Interfaces {
		if slices.Contains(i.Groups, id) {
			return true
		}
	}
	for _, groups := range s.attached {
		if slices.Contains(groups, id) {
			return true
		}
	}
	for _, g := range s.account.Groups {
		if g.ID != id && slices.ContainsFunc(slices.Concat(g.Ingress, g.Egress), func(r sg.Rule) bool { return r.Reference.GroupID == id }) {
			return true
		}
	}
	return false
}

func (o authorize) apply(s *state) error {
	g, err := s.group(o.group)
	if err != nil {
		return err
	}
	if err := s.exist(peersOf(o.rules)...); err != nil {
		return err
	}
	if err := g.Authorize(o.direction, o.rules...); err != nil {
		return err
	}
	return s.withinQuota(g, o.direction)
}

// withinQuota returns EC2's error if a group has more rules than it may have.
func (s *state) withinQuota(g *sg.Group, d packet.Direction) error {
	if s.quota == 0 {
		return nil
	}
	for _, n := range s.account.RuleCounts(g, d) {
		if n > s.quota {
			return &sg.Error{Code: tooManyRules, Message: "The maximum number of rules per security group has been reached."}
		}
	}
	return nil
}

func (o revoke) apply(s *state) error {
	g, err := s.group(o.group)
	if err != nil {
		return err
	}
	for _, r := range o.rules {
		if r.ID != "" {
			_, err = g.Revoke(r.ID)
		} else {
			_, err = g.RevokeSame(o.direction, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o modifyRules) apply(s *state) error {
	g, err := s.group(o.group)
	if err != nil {
		return err
	}
	if err := s.exist(peersOf(o.rules)...); err != nil {
		return err
	}
	ids := make([]string, len(o.rules))
	for i, r := range o.rules {
		ids[i] = r.ID
	}
	revoked, err := g.Revoke(ids...)
	if err != nil {
		return err
	}
	for i, r := range o.rules {
		if err := g.Authorize(revoked[i].Direction, r); err != nil {
			return err
		}
	}
	return nil
}

func (o swap) apply(s *state) error {
	if err := (revoke{o.group, o.direction, withoutIDs(o.removed)}).apply(s); err != nil {
		return err
	}
	return authorize{o.group, o.direction, o.added}.apply(s)
}

func (o attach) apply(s *state) error {
	if err := s.exist(o.groups...); err != nil {
		return err
	}
	i, found := s.account.Interface(o.target)
	if !found {
		s.attached[o.target] = o.groups
		return nil
	}
	i.Groups = o.groups
	s.replace(i)
	return nil
}

// replace puts an interface where it was, or at the end.
func (s *state) replace(i sg.Interface) {
	at := slices.IndexFunc(s.account.Interfaces, func(o sg.Interface) bool { return o.ID == i.ID })
	if at < 0 {
		s.account.Attach(i)
		return
	}
	s.account.Interfaces[at] = i
}

func (o join) apply(s *state) error {
	groups := s.attached[o.target]
	if i, found := s.account.Interface(o.target); found {
		groups = i.Groups
	}
	groups = slices.DeleteFunc(slices.Clone(groups), func(id string) bool { return id == o.remove || id == o.add })
	if o.add != "" {
		groups = append(groups, o.add)
	}
	return attach{target: o.target, groups: groups}.apply(s)
}

func (o launch) apply(s *state) error {
	if err := s.exist(o.host.Groups...); err != nil {
		return err
	}
	if o.remote {
		s.attached[o.host.ID] = o.host.Groups
		return nil
	}
	s.replace(s.guarded(o.host))
	return nil
}

func (o terminate) apply(s *state) error {
	delete(s.attached, o.target)
	s.account.Interfaces = slices.DeleteFunc(s.account.Interfaces, func(i sg.Interface) bool { return i.ID == o.target })
	return nil
}

func (o createList) apply(s *state) error {
	delete(s.absent, o.list.ID)
	s.account.PrefixLists = append(s.account.PrefixLists, o.list)
	return nil
}

func (o deleteList) apply(s *state) error {
	for _, g := range s.account.Groups {
		if slices.ContainsFunc(slices.Concat(g.Ingress, g.Egress), func(r sg.Rule) bool { return r.PrefixList == o.id }) {
			return &sg.Error{Code: dependencyViolation, Message: fmt.Sprintf("The prefix list (%s) is in use.", o.id)}
		}
	}
	s.account.PrefixLists = slices.DeleteFunc(s.account.PrefixLists, func(l sg.PrefixList) bool { return l.ID == o.id })
	s.absent[o.id] = true
	return nil
}

func (o entries) apply(s *state) error {
	if err := s.exist(o.list); err != nil {
		return err
	}
	to, err := s.account.Apply(sg.ModifyPrefixList{PrefixList: o.list, Remove: o.remove, Add: o.add})
	if err != nil {
		return err
	}
	s.account.PrefixLists = to.PrefixLists
	return nil
}

func (o createACL) apply(s *state) error {
	delete(s.absent, o.id)
	s.acls[o.id] = sg.ACL{}
	return nil
}

func (o deleteACL) apply(s *state) error {
	for _, acl := range s.guards {
		if acl == o.id {
			return &sg.Error{Code: dependencyViolation, Message: fmt.Sprintf("The networkAcl '%s' has dependencies and cannot be deleted.", o.id)}
		}
	}
	delete(s.acls, o.id)
	s.absent[o.id] = true
	return nil
}

func (o aclEntry) apply(s *state) error {
	if s.absent[o.acl] {
		return &sg.Error{Code: aclNotFound, Message: fmt.Sprintf("The network ACL '%s' does not exist", o.acl)}
	}
	acl := s.acls[o.acl]
	rules := slices.Clone(acl.Rules(o.direction))
	at := slices.IndexFunc(rules, func(r sg.ACLRule) bool { return r.Number >= o.rule.Number })
	if at < 0 {
		at = len(rules)
	}
	there := at < len(rules) && rules[at].Number == o.rule.Number
	switch {
	case o.verb == createEntry && there:
		return &sg.Error{Code: entryExists, Message: fmt.Sprintf("The network acl entry identified by %d already exists.", o.rule.Number)}
	case o.verb != createEntry && !there:
		return &sg.Error{Code: entryNotFound, Message: fmt.Sprintf("The network acl entry identified by %d does not exist.", o.rule.Number)}
	case o.verb == createEntry:
		rules = slices.Insert(rules, at, o.rule)
	case o.verb == replaceEntry:
		rules[at] = o.rule
	default:
		rules = slices.Delete(rules, at, at+1)
	}
	if o.direction == packet.Ingress {
		acl.Ingress = rules
	} else {
		acl.Egress = rules
	}
	s.acls[o.acl] = acl
	s.guard()
	return nil
}

func (o associate) apply(s *state) error {
	if s.absent[o.acl] {
		return &sg.Error{Code: aclNotFound, Message: fmt.Sprintf("The network ACL '%s' does not exist", o.acl)}
	}
	s.guards[o.subnet] = o.acl
	s.guard()
	return nil
}

// guard gives each interface the network ACL of its subnet.
func (s *state) guard() {
	for n, i := range s.account.Interfaces {
		s.account.Interfaces[n] = s.guarded(i)
	}
}

func (s *state) guarded(i sg.Interface) sg.Interface {
	if acl, known := s.acls[s.guards[i.Subnet]]; known {
		i.ACL = &acl
	}
	return i
}

func (nothing) apply(*state) error { return nil }

// errUnresolved is why the effect of a call is unknown.
func errUnresolved(u Unknown) error {
	return say.Errorf("%s is unknown: %s", u.Attribute, u.Reason)
}
