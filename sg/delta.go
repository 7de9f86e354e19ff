package sg

import (
	"net/netip"
	"slices"

	"lablab/packet"
)

// A Delta is the difference between two states of an account.
type Delta struct {
	Attached    []Attach
	ACLs        []SetACL
	PrefixLists []ModifyPrefixList
	Revoked     []GroupRule
	Authorized  []GroupRule
}

// Diff returns what changed from one state of an account to another, in the order of the later
// state. Rules are identified by their group and id.
func Diff(from, to *Account) Delta {
	var d Delta
	for _, i := range to.Interfaces {
		was, _ := from.Interface(i.ID)
		if !slices.Equal(was.Groups, i.Groups) {
			d.Attached = append(d.Attached, Attach{i.ID, i.Groups})
		}
		if !was.ACL.equal(i.ACL) {
			d.ACLs = append(d.ACLs, SetACL{i.ID, i.ACL})
		}
	}
	for _, l := range to.PrefixLists {
		var was PrefixList
		if i, err := from.findPrefixList(l.ID); err == nil {
			was = from.PrefixLists[i]
		}
		m := ModifyPrefixList{PrefixList: l.ID, Remove: without(was.Entries, l.Entries), Add: without(l.Entries, was.Entries)}
		if len(m.Remove)+len(m.Add) > 0 {
			d.PrefixLists = append(d.PrefixLists, m)
		}
	}
	for _, g := range to.Groups {
		was := from.Group(g.Key())
		if was == nil {
			was = &Group{}
		}
		d.Revoked = append(d.Revoked, missing(was, g, g.Key())...)
		d.Authorized = append(d.Authorized, missing(g, was, g.Key())...)
	}
	return d
}

// missing returns the rules of one state of a group that another does not have.
func missing(in, from *Group, key string) (rules []GroupRule) {
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		if slices.Equal(in.Rules(d), from.Rules(d)) {
			continue // as most groups are, of many
		}
		there := make(map[string]Rule, len(from.Rules(d)))
		for _, r := range from.Rules(d) {
			there[r.ID] = r
		}
		for _, r := range in.Rules(d) {
			if o, known := there[r.ID]; !known || o != r && !o.Same(r) {
				rules = append(rules, GroupRule{key, d, r})
			}
		}
	}
	return rules
}

func without(list, others []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(list), func(p netip.Prefix) bool { return slices.Contains(others, p) })
}

// NoLongerTracked returns the flows at an interface that a change makes untracked.
func NoLongerTracked(from, to *Account, id string) []Untracked {
	was, _ := from.Interface(id)
	is, _ := to.Interface(id)
	before := UntrackedBy(from.GroupsByID(was.Groups))
	return slices.DeleteFunc(UntrackedBy(to.GroupsByID(is.Groups)), func(u Untracked) bool { return slices.Contains(before, u) })
}
