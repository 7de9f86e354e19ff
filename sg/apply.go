package sg

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// A Change is one call that changes an account: a value that can be printed, compared, recorded and
// put in a list. The types below are the only ones.
type Change interface {
	// Said describes the change to people.
	Said() say.Sentence
	kind() string
	apply(*Account) error
	// refused adds what was requested to an error of apply.
	refused(error) error
}

// Authorize adds rules to a group, all or none of them: either Rules, or by IDs rules that were
// revoked from it before.
type Authorize struct {
	// Group may be empty if the first of IDs was revoked from one group only.
	Group     string           `json:"group,omitempty"`
	Direction packet.Direction `json:"direction,omitempty"` // the direction of Rules
	Rules     []Rule           `json:"rules,omitempty"`
	IDs       []string         `json:"ids,omitempty"`
}

// Revoke removes rules from a group, all or none of them: by IDs, or those that are exactly the
// same as Rules.
type Revoke struct {
	Group     string           `json:"group"`
	Direction packet.Direction `json:"direction,omitempty"` // the direction of Rules
	Rules     []Rule           `json:"rules,omitempty"`
	IDs       []string         `json:"ids,omitempty"`
}

// Attach replaces the groups of an interface.
type Attach struct {
	Interface string   `json:"interface"`
	Groups    []string `json:"groups"`
}

// SetACL replaces the network ACL of an interface. On EC2 it belongs to the interface's subnet.
type SetACL struct {
	Interface string `json:"interface"`
	ACL       *ACL   `json:"acl"` // nil for none
}

// ModifyPrefixList removes entries from a prefix list and adds others, in that order (EC2 API,
// ModifyManagedPrefixList).
type ModifyPrefixList struct {
	PrefixList string         `json:"prefix_list"`
	Remove     []netip.Prefix `json:"remove,omitempty"`
	Add        []netip.Prefix `json:"add,omitempty"`
}

// Apply returns the account after all changes, in order; a stays as it is. If one of them is
// rejected, none is made; the error is an [Error] if EC2 has one for it.
func (a *Account) Apply(changes ...Change) (*Account, error) {
	to := a.Clone()
	for _, c := range changes {
		if err := c.apply(to); err != nil {
			return nil, c.refused(err)
		}
	}
	return to, nil
}

func (c Authorize) refused(err error) error {
	if c.Group == "" {
		return say.Errorf("authorize: %w", err)
	}
	return say.Errorf("authorize in group %s: %w", c.Group, err)
}

func (c Revoke) refused(err error) error { return say.Errorf("revoke from group %s: %w", c.Group, err) }

func (c Attach) refused(err error) error {
	return say.Errorf("change the groups of %s: %w", c.Interface, err)
}

func (c SetACL) refused(err error) error { return say.Errorf("set network ACL: %w", err) }

func (c ModifyPrefixList) refused(err error) error {
	return say.Errorf("change prefix list %s: %w", c.PrefixList, err)
}

func (c Authorize) apply(a *Account) error {
	group := c.Group
	if group == "" && len(c.IDs) > 0 {
		if group = a.revokedFrom(c.IDs[0]); group == "" {
			return &Error{RuleNotFound, fmt.Sprintf("The security group rule ID '%s' was revoked from no group, or from several", c.IDs[0])}
		}
	}
	g, err := a.Find(group)
	if err != nil {
		return err
	}
	had := a.had(g)
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		var rules []Rule
		for _, id := range c.IDs {
			was, known := had[id]
			if !known {
				return &Error{RuleNotFound, fmt.Sprintf("The security group rule ID '%s' was not revoked here", id)}
			}
			if was.Direction == d {
				rules = append(rules, was.Rule)
			}
		}
		if err := a.authorize(g, d, rules...); err != nil {
			return err
		}
	}
	if len(c.Rules) == 0 && len(c.IDs) > 0 {
		return nil
	}
	if err := checkDirection(c.Direction); err != nil {
		return err
	}
	for i, r := range c.Rules {
		if was, known := had[r.ID]; known && was.Same(r) {
			continue // as it was read, even if its peer was not
		}
		if err := cmp.Or(r.checkNames(i+1), a.checkPeer(r)); err != nil {
			return err
		}
	}
	return a.authorize(g, c.Direction, c.Rules...)
}

// authorize adds rules to a group.
func (a *Account) authorize(g *Group, d packet.Direction, rules ...Rule) error {
	if err := g.Authorize(d, rules...); err != nil {
		return err
	}
	a.forget(g, rules)
	return nil
}

// forget drops rules of a group from those that were revoked.
func (a *Account) forget(g *Group, rules []Rule) {
	ids := map[string]bool{}
	for _, r := range rules {
		ids[r.ID] = true
	}
	a.Revoked = slices.DeleteFunc(a.Revoked, func(was GroupRule) bool { return was.Group == g.Key() && ids[was.ID] })
}

// had returns the rules of a group by their ids, whether they are in force or were revoked.
func (a *Account) had(g *Group) map[string]GroupRule {
	rules := map[string]GroupRule{}
	for _, r := range slices.Backward(a.Ever(g.Key())) { // of several, the first counts
		rules[r.ID] = r
	}
	return rules
}

// checkPeer rejects a rule whose group or prefix list does not exist.
func (a *Account) checkPeer(r Rule) error {
	if id := r.Reference.GroupID; id != "" {
		_, err := a.Find(id)
		return err
	}
	if r.PrefixList != "" {
		_, err := a.findPrefixList(r.PrefixList)
		return err
	}
	return nil
}

// revokedFrom returns the group from which a rule with that id was revoked, or "" if there is not
// exactly one.
func (a *Account) revokedFrom(id string) (group string) {
	for _, r := range a.Revoked {
		switch {
		case r.ID != id:
		case group != "":
			return ""
		default:
			group = r.Group
		}
	}
	return group
}

func (c Revoke) apply(a *Account) error {
	g, err := a.Find(c.Group)
	if err != nil {
		return err
	}
	revoked, err := g.Revoke(c.IDs...)
	if err != nil {
		return err
	}
	a.remember(g, revoked)
	if len(c.Rules) == 0 && len(c.IDs) > 0 {
		return nil
	}
	if err := checkDirection(c.Direction); err != nil {
		return err
	}
	rules, err := g.RevokeSame(c.Direction, c.Rules...)
	if err != nil {
		return err
	}
	revoked = nil
	for _, r := range rules {
		revoked = append(revoked, GroupRule{g.Key(), c.Direction, r})
	}
	a.remember(g, revoked)
	return nil
}

// remember keeps rules that are no longer in force, so that they can be authorized again.
func (a *Account) remember(g *Group, revoked []GroupRule) {
	var rules []Rule
	for _, r := range revoked {
		rules = append(rules, r.Rule)
	}
	a.forget(g, rules)
	a.Revoked = append(a.Revoked, revoked...)
}

func (c Attach) apply(a *Account) error {
	i, found := a.Interface(c.Interface)
	if !found {
		return say.Errorf("there is no interface %s", c.Interface)
	}
	for n, g := range c.Groups {
		if _, err := a.Find(g); err != nil {
			return err
		}
		if slices.Contains(c.Groups[:n], g) {
			return say.Errorf("group %s is named twice", g)
		}
	}
	i.Groups = slices.Clone(c.Groups)
	a.Attach(i)
	return nil
}

func (c SetACL) apply(a *Account) error {
	i, found := a.Interface(c.Interface)
	if !found {
		return say.Errorf("there is no interface %s", c.Interface)
	}
	acl, err := c.ACL.ordered()
	if err != nil {
		return err
	}
	i.ACL = acl
	a.Attach(i)
	return nil
}

func (c ModifyPrefixList) apply(a *Account) error {
	i, err := a.findPrefixList(c.PrefixList)
	if err != nil {
		return err
	}
	const most = 100 // entries per request, as EC2 reports it: terraform-provider-aws issue 17191
	if len(c.Add) > most || len(c.Remove) > most {
		return &Error{InvalidValue, fmt.Sprintf("The number of entries per request cannot exceeds limit (%d).", most)}
	}
	l := a.PrefixLists[i]
	switch {
	case !l.Known:
		return say.New("its entries were not read")
	case len(c.Add)+len(c.Remove) == 0:
		return say.New("no entry to add or remove")
	}
	l.Entries = slices.Clone(l.Entries)
	for _, p := range c.Remove {
		at := slices.Index(l.Entries, p.Masked())
		if at < 0 {
			return &Error{InvalidModification, fmt.Sprintf("An entry with the CIDR (%s) does not exist.", p)}
		}
		l.Entries = slices.Delete(l.Entries, at, at+1)
	}
	for _, p := range c.Add {
		switch p = p.Masked(); {
		case !p.IsValid():
			return &Error{InvalidValue, "The CIDR of an entry is missing or malformed."}
		case slices.Contains(l.Entries, p):
			return &Error{InvalidModification, fmt.Sprintf("An entry with the CIDR (%s) already exists.", p)}
		case (l.AddressFamily != "" || len(l.Entries) > 0) && l.family() != FamilyOf(p):
			return say.Errorf("it takes %s entries only, not %s", l.family(), p)
		case l.MaxEntries > 0 && len(l.Entries) == l.MaxEntries:
			return say.Errorf("it has room for %d entries", l.MaxEntries)
		}
		l.Entries = append(l.Entries, p)
	}
	a.PrefixLists[i] = l
	return nil
}

// findPrefixList returns the index of the prefix list with that id.
func (a *Account) findPrefixList(id string) (int, error) {
	i := slices.IndexFunc(a.PrefixLists, func(l PrefixList) bool { return l.ID == id })
	if i < 0 {
		return i, &Error{PrefixListNotFound, fmt.Sprintf("The prefix list (%s) does not exist.", id)}
	}
	return i, nil
}

// FamilyOf returns the version of IP of an entry, as a prefix list names it.
func FamilyOf(p netip.Prefix) string {
	if p.Addr().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func checkDirection(d packet.Direction) error {
	if d == packet.Ingress || d == packet.Egress {
		return nil
	}
	return malformed("%q is not a direction: choose ingress or egress", string(d))
}
