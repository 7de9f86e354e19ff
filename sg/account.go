package sg

import (
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// An Account is what was read of an AWS account: groups, and what their rules refer to.
type Account struct {
	Groups      []*Group
	Interfaces  []Interface
	PrefixLists []PrefixList
	// Revoked lists the rules that were revoked and can be authorized again by their ids.
	Revoked []GroupRule
	// Notes list what was read differently from how it was written.
	Notes []Note
	// Unread lists rules that stand in a file and could not be understood. They admit nothing here,
	// although EC2 may have them.
	Unread []Unread
	// InstanceTypes have idle timeouts of their own.
	InstanceTypes []InstanceType
	// acls are the network ACLs that were read, by subnet.
	acls map[string]*ACL
	vpcs vpcs
	// seen is what stood in a file, and where, by its name.
	seen map[string]sighting
	// knowsGroups is whether any list of groups or rules was read, even an empty one.
	knowsGroups bool
	// knowsInterfaces is whether any list of interfaces was read, even an empty one.
	knowsInterfaces bool
}

// An Interface is an elastic network interface: security groups are attached to it.
type Interface struct {
	ID        string
	Subnet    string
	Groups    []string     // ids
	Addresses []netip.Addr // private ones, and those of IPv6
	// Public are the public IPv4 addresses that are mapped to private ones.
	Public []netip.Addr
	// Prefixes are ranges of private addresses that are delegated to the interface.
	Prefixes []netip.Prefix
	// ACL is the network ACL that guards it, or nil.
	ACL *ACL
	TrackingTimeouts
}

// TrackingTimeouts are idle timeouts of tracked connections, in seconds; 0 for the default
// (ConnectionTrackingConfiguration).
type TrackingTimeouts struct {
	TCPEstablished, UDPStream, UDP int
}

// An InstanceType has its name, such as m8i.large, and its default timeouts.
type InstanceType struct {
	Name string
	TrackingTimeouts
}

// A GroupRule is a rule, its group and its direction.
type GroupRule struct {
	Group     string
	Direction packet.Direction
	Rule
}

// An Unread is a rule that could not be understood, as far as it was: it has the protocol All if its
// protocol is unknown, no peer if that is, and no direction if that is.
type Unread struct {
	GroupRule
	Err *FileError
}

// A PrefixList is a named set of address ranges.
type PrefixList struct {
	ID, Name string
	// Owner is an account id, or AWS.
	Owner string
	// AddressFamily is IPv4 or IPv6, or empty if it was not given.
	AddressFamily string
	Entries       []netip.Prefix
	// Known is whether the entries were read; describe-managed-prefix-lists does not include them.
	Known bool
	// MaxEntries counts against the quota of rules; 0 if it was not given.
	MaxEntries int
	whole      bool // all its entries were read at once
	more       bool // it has entries on a page that was not read
}

// A Note is something that a reader should know.
type Note struct {
	File         string
	Line, Column int
	Text         say.Sentence
	// Unread is whether it is about something that was not read.
	Unread bool
	page   string // the kind of list of which more follows
}

func (n Note) String() string { return n.In(nil) }

// In returns String in a language.
func (n Note) In(l *say.Language) string {
	return l.Sprintf("%s:%d:%d: %s", n.File, n.Line, n.Column, n.Text)
}

// NotRead returns the notes about what was not read, as findings.
func (a *Account) NotRead() (left []Finding) {
	for _, n := range a.Notes {
		if n.Unread {
			left = append(left, Finding{Reason: say.F("%s", n)})
		}
	}
	return left
}

// KnowsGroups reports whether any list of groups or of their rules was read, even an empty one.
func (a *Account) KnowsGroups() bool { return a.knowsGroups }

// Group returns the group with that id, or nil.
func (a *Account) Group(id string) *Group {
	i := slices.IndexFunc(a.Groups, func(g *Group) bool { return g.ID == id })
	if i < 0 {
		return nil
	}
	return a.Groups[i]
}

// Ever returns the rules of a group: those in force and those that were revoked.
func (a *Account) Ever(group string) (rules []GroupRule) {
	if g := a.Group(group); g != nil {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				rules = append(rules, GroupRule{group, d, r})
			}
		}
	}
	for _, r := range a.Revoked {
		if r.Group == group {
			rules = append(rules, r)
		}
	}
	return rules
}

// Clone returns an independent copy.
func (a *Account) Clone() *Account {
	clone := *a
	clone.Groups = make([]*Group, len(a.Groups))
	for i, g := range a.Groups {
		clone.Groups[i] = g.Clone()
	}
	clone.Interfaces, clone.PrefixLists, clone.Revoked = slices.Clone(a.Interfaces), slices.Clone(a.PrefixLists), slices.Clone(a.Revoked)
	return &clone
}

// Attach adds an interface, or replaces the one with the same id.
func (a *Account) Attach(i Interface) {
	a.knowsInterfaces = true
	a.Interfaces = slices.DeleteFunc(slices.Clone(a.Interfaces), func(o Interface) bool { return o.ID == i.ID })
	a.Interfaces = append(a.Interfaces, i)
}

// Interface returns the interface with that id.
func (a *Account) Interface(id string) (Interface, bool) {
	i := slices.IndexFunc(a.Interfaces, func(i Interface) bool { return i.ID == id })
	if i < 0 {
		return Interface{}, false
	}
	return a.Interfaces[i], true
}

// TimeoutsOf returns the timeouts of the network interface with that id, or of the instance type with
// that name, if it was read.
func (a *Account) TimeoutsOf(name string) (Timeouts, bool) {
	if i, found := a.Interface(name); found {
		return i.Timeouts(), true
	}
	i := slices.IndexFunc(a.InstanceTypes, func(t InstanceType) bool { return t.Name == name })
	if i < 0 {
		return Timeouts{}, false
	}
	return a.InstanceTypes[i].timeouts(name), true
}

// GroupsByID returns the groups with these ids.
func (a *Account) GroupsByID(ids []string) []*Group {
	var groups []*Group
	for _, g := range a.Groups {
		if slices.Contains(ids, g.Key()) {
			groups = append(groups, g)
		}
	}
	return groups
}

// Peers returns the address ranges that a rule currently applies to. If the rule cannot be
// enforced, Peers returns a reason instead. An empty list without a reason means a group that no
// interface has.
func (a *Account) Peers(r GroupRule) (peers []netip.Prefix, reason say.Sentence) {
	peers, reason, _ = lookup{Account: a}.peers(r)
	return peers, reason
}

// unreadOf returns the rules of a group that are not known: those that could not be understood, and all
// rules of a direction of which nothing, or not everything, was read.
func (a *Account) unreadOf(g *Group) (unread []Unread) {
	for _, u := range a.Unread {
		if u.Group == g.ID {
			unread = append(unread, u)
		}
	}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		wrong := g.missing[d]
		if more := a.more("SecurityGroupRules"); more != nil && g.partial {
			wrong = &FileError{File: more.File, Line: more.Line, Column: more.Column, Message: more.Text}
		}
		if wrong != nil {
			unread = append(unread, Unread{GroupRule{g.ID, d, Rule{Protocol: packet.All, From: Any, To: Any}}, wrong})
		}
	}
	return unread
}

// more returns the note that a kind of list goes on in a page that was not read, or nil.
func (a *Account) more(kind string) *Note {
	i := slices.IndexFunc(a.Notes, func(n Note) bool { return n.page == kind })
	if i < 0 {
		return nil
	}
	return &a.Notes[i]
}

// mayHold reports whether a prefix list whose entries are unknown can hold an address: its version
// of IP may be known.
func (a *Account) mayHold(id string, address netip.Addr) bool {
	i := slices.IndexFunc(a.PrefixLists, func(l PrefixList) bool { return l.ID == id })
	return i < 0 || a.PrefixLists[i].AddressFamily == "" || (a.PrefixLists[i].AddressFamily == "IPv6") == address.Is6()
}

// means reports whether the peer of a rule is or contains that address. 0.0.0.0/0 does not cover
// IPv6: Contains distinguishes the families.
func (a *Account) means(r GroupRule, peer netip.Addr) bool {
	contains := func(p netip.Prefix) bool { return p.Contains(peer) }
	if r.Reference == (Reference{}) {
		peers, _ := a.Peers(r)
		return slices.ContainsFunc(peers, contains)
	}
	l := lookup{Account: a}
	if reason, _ := l.unreachable(r); !reason.Empty() {
		return false
	}
	id := l.referred(r)
	for _, i := range a.Interfaces {
		if slices.Contains(i.Groups, id) && i.has(peer) {
			return true
		}
	}
	return false
}

// has reports whether an address is a private one of the interface.
func (i Interface) has(address netip.Addr) bool {
	return slices.Contains(i.Addresses, address) || slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}
