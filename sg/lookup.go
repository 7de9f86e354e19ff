package sg

import (
	"net/netip"
	"slices"

	"lablab/say"
)

// A lookup finds what rules refer to. It is indexed for a walk through all rules of an account, and
// has nil maps for a single rule.
type lookup struct {
	*Account
	groups  map[string]*Group
	named   map[string][]*Group
	lists   map[string]*PrefixList
	members map[string][]netip.Prefix // of each group that an interface has
}

// indexed returns a lookup that takes the same time for each rule, however large the account is.
func (a *Account) indexed() lookup {
	l := lookup{a, map[string]*Group{}, map[string][]*Group{}, map[string]*PrefixList{}, map[string][]netip.Prefix{}}
	for _, g := range slices.Backward(a.Groups) { // of several, the first counts
		l.groups[g.ID], l.named[g.Name] = g, append(l.named[g.Name], g)
	}
	for i := range a.PrefixLists {
		l.lists[a.PrefixLists[i].ID] = &a.PrefixLists[i]
	}
	for _, i := range a.Interfaces {
		for _, id := range i.Groups {
			l.members[id] = append(l.members[id], i.private()...)
		}
	}
	return l
}

func (l lookup) group(id string) *Group {
	if l.groups == nil {
		return l.Group(id)
	}
	return l.groups[id]
}

func (l lookup) list(id string) *PrefixList {
	if l.lists != nil {
		return l.lists[id]
	}
	if i, err := l.findPrefixList(id); err == nil {
		return &l.PrefixLists[i]
	}
	return nil
}

// membersOf returns the private addresses of the interfaces that have a group, and whether any has.
func (l lookup) membersOf(id string) (members []netip.Prefix, has bool) {
	if l.members != nil {
		members, has = l.members[id]
		return members, has
	}
	for _, i := range l.Interfaces {
		if slices.Contains(i.Groups, id) {
			members, has = append(members, i.private()...), true
		}
	}
	return members, has
}

// private returns the interface's private addresses. EC2 does not document whether delegated
// prefixes count as a group's members; here they do, since they are private too.
func (i Interface) private() []netip.Prefix {
	all := make([]netip.Prefix, 0, len(i.Addresses)+len(i.Prefixes))
	for _, address := range i.Addresses {
		all = append(all, netip.PrefixFrom(address, address.BitLen()))
	}
	return append(all, i.Prefixes...)
}

// referred returns the id of the group that the reference of a rule means, or "".
func (l lookup) referred(r GroupRule) string {
	if r.Reference.GroupID != "" {
		return r.Reference.GroupID
	}
	if groups := l.namedBy(r); len(groups) == 1 {
		return groups[0].ID
	}
	return ""
}

// namedBy returns the groups that a rule can mean by a name: those in its own VPC, since each VPC has
// a group named "default".
func (l lookup) namedBy(r GroupRule) []*Group {
	groups := l.named[r.Reference.GroupName]
	if l.named == nil {
		groups = slices.DeleteFunc(slices.Clone(l.Groups), func(g *Group) bool { return g.Name != r.Reference.GroupName })
	}
	vpc := l.vpcOf(r.Group, r.Reference.VPC)
	return slices.DeleteFunc(slices.Clone(groups), func(g *Group) bool {
		return differ(g.Owner, r.Reference.Owner) || differ(g.VPC, vpc)
	})
}

// differ reports whether both texts are known and differ.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// peers is [Account.Peers]. With a reason, stale is whether EC2 has no peers for the rule either;
// otherwise they are merely not known.
func (l lookup) peers(r GroupRule) (peers []netip.Prefix, reason say.Sentence, stale bool) {
	switch {
	case r.Peer.IsValid():
		return []netip.Prefix{r.Peer}, say.Sentence{}, false
	case r.PrefixList == "":
		return l.referenced(r)
	}
	switch list := l.list(r.PrefixList); {
	case list == nil:
		return nil, say.F("prefix list %s was not read", r.PrefixList), false
	case !list.Known:
		return nil, say.F("the entries of prefix list %s were not read", r.PrefixList), false
	default:
		return list.Entries, say.Sentence{}, false
	}
}

// others returns why the peer of a rule that is in force may stand for more addresses than those that
// were read, or nothing.
func (l lookup) others(r Rule) say.Sentence {
	switch {
	case r.PrefixList != "":
		if list := l.list(r.PrefixList); list != nil && list.more {
			return say.F("prefix list %s has more entries than were read", r.PrefixList)
		}
	case r.Reference != (Reference{}):
		if l.Account.more("NetworkInterfaces") != nil {
			return say.F("group %s may have more members: not all network interfaces were read", r.PeerText())
		}
	}
	return say.Sentence{}
}

// ownerOf returns the owner of a group, if the file that it was read from names owners.
func (l lookup) ownerOf(group string) string {
	if g := l.group(group); g != nil {
		return g.Owner
	}
	return ""
}

// referenced returns the private addresses of the interfaces that have a group. Public addresses do
// not count (VPC user guide, security group rules).
func (l lookup) referenced(r GroupRule) (peers []netip.Prefix, reason say.Sentence, stale bool) {
	ref, id := r.Reference, l.referred(r)
	if reason, certain := l.unreachable(r); !reason.Empty() {
		return nil, reason, certain
	}
	members, has := l.membersOf(id)
	switch {
	case has:
		return members, say.Sentence{}, false
	case id == "" && len(l.namedBy(r)) > 1:
		return nil, say.F("more than one group is named %q", ref.GroupName), false
	case id == "":
		return nil, say.F("no group named %q was read", ref.GroupName), false
	case ref.Owner == "" && ref.GroupID != "" && l.group(id) == nil && l.ownerOf(r.Group) != "": // EC2 names the owner of every group that exists
		return nil, say.F("group %s was deleted: the rule is stale", id), true
	case !l.knowsInterfaces:
		return nil, say.F("the members of group %s are unknown: no network interfaces were read", id), false
	case l.group(id) != nil:
		return nil, say.Sentence{}, false // known, and no interface has it
	case ref.Peering != "":
		return nil, say.F("group %s is in a peer VPC, whose network interfaces were not read", id), false
	}
	return nil, say.F("neither group %s nor any network interface in it was read", id), false
}
