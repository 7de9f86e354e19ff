package report

import (
	"cmp"
	"net/netip"
	"slices"

	"lablab/sg"
	"lablab/timeline"
)

// A policy is the history of what the hosts' groups and network ACLs allow.
type policy struct {
	hosts   map[string]*hostPolicy
	names   map[netip.Addr]string // of hosts, by address
	rules   []*ruleHistory
	numbers map[uint32]*ruleHistory
	lists   map[string][]listChange
	proved  map[proof]bool
	ways    map[wayKey]*way // that were asked for since the last change
	loose   []looseness
	ready   bool // traffic may begin
}

// A hostPolicy is what has been attached to a host.
type hostPolicy struct {
	groups []attachment // oldest first
	acls   []aclChange
}

// An attachment is the groups of a host from then on.
type attachment struct {
	when
	groups []string
}

// An aclChange is the network ACL of a host from then on, or none.
type aclChange struct {
	when
	acl *sg.ACL
}

// A listChange is the entries of a prefix list from then on.
type listChange struct {
	when
	timeline.PrefixListChanged
}

// A proof is a rule that has accepted packets from or to a peer.
type proof struct {
	rule uint32
	peer netip.Addr
}

// A looseness is whether conntrack picks up connections mid-stream from then on.
type looseness struct {
	when
	loose bool
}

// A ruleHistory is a rule, and when it was in force in its group.
type ruleHistory struct {
	timeline.Rule
	authorized, revoked when // not set: before the traffic, never
}

// A span is a time in which a rule matched the packets between a host and a peer. Its beginning or
// end did not happen if it has none.
type span struct{ from, to change }

func newPolicy() *policy {
	return &policy{hosts: map[string]*hostPolicy{}, names: map[netip.Addr]string{}, numbers: map[uint32]*ruleHistory{}, lists: map[string][]listChange{}, proved: map[proof]bool{}}
}

// add takes the next event.
func (p *policy) add(at when, body timeline.Body) {
	switch body.(type) {
	case timeline.Begun, timeline.RuleAuthorized, timeline.RuleRevoked, timeline.GroupsChanged, timeline.PrefixListChanged:
		p.ways = nil
	}
	switch body := body.(type) {
	case timeline.Begun:
		for _, h := range body.Hosts {
			p.host(h.Name).groups = []attachment{{groups: h.Groups}}
			for _, a := range h.Addresses() {
				p.names[a] = h.Name
			}
		}
	case timeline.Ready:
		p.ready = true
	case timeline.RuleAuthorized:
		if r := p.rule(body.Rule); p.ready && !body.Existing {
			r.authorized = at
		}
	case timeline.RuleRevoked:
		p.rule(body.Rule).revoked = at
	case timeline.GroupsChanged:
		h := p.host(body.Host)
		h.groups = append(h.groups, attachment{at, body.Groups})
	case timeline.ACLChanged:
		h := p.host(body.Host)
		h.acls = append(h.acls, aclChange{at, body.ACL})
	case timeline.PrefixListChanged:
		p.lists[body.PrefixList] = append(p.lists[body.PrefixList], listChange{at, body})
	case timeline.Judged:
		if r := p.numbers[body.Number]; r != nil && r.PrefixList != "" && body.Accepted {
			peer, _ := seenBy(body)
			if by := (proof{r.Number, peer}); !p.proved[by] {
				p.proved[by], p.ways = true, nil
			}
		}
	case timeline.Configured:
		p.loose = append(p.loose, looseness{at, body.Loose})
	}
}

func (p *policy) host(name string) *hostPolicy {
	if p.hosts[name] == nil {
		p.hosts[name] = &hostPolicy{}
	}
	return p.hosts[name]
}

// rule returns the history of a rule.
func (p *policy) rule(rule timeline.Rule) *ruleHistory {
	r := p.numbers[rule.Number]
	if r == nil {
		r = &ruleHistory{Rule: rule}
		p.numbers[rule.Number] = r
		p.rules = append(p.rules, r)
	}
	return r
}

// spans returns when a rule matched packets between a host and a peer. The entries of a prefix list
// are known only if they changed: otherwise spans takes it for granted that the list has the peer.
func (p *policy) spans(r *ruleHistory, host string, peer netip.Addr) []span {
	changes, in := p.memberships(host, r.Group, hostJoined, hostLeft)
	if h := p.hosts[host]; h == nil || len(h.groups) == 0 {
		in = slices.Contains(r.Hosts, host)
	}
	var moves []change
	var matches bool
	switch {
	case r.Peer.IsValid():
		matches = r.Peer.Contains(peer)
	case r.PrefixList != "":
		moves, matches = p.listings(r.PrefixList, peer)
	default:
		moves, matches = p.memberships(p.names[peer], cmp.Or(r.Reference.GroupID, r.Reference.GroupName), peerJoined, peerLeft)
	}
	changes = append(changes, moves...)
	authorized := !r.authorized.happened()
	if !authorized {
		changes = append(changes, change{when: r.authorized, cause: ruleAuthorized})
	}
	if r.revoked.happened() {
		changes = append(changes, change{when: r.revoked, cause: ruleRevoked})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(a.seq, b.seq) })

	var spans []span
	was := authorized && in && matches
	if was {
		spans = []span{{}}
	}
	for _, c := range changes {
		switch c.cause {
		case ruleAuthorized, ruleRevoked:
			authorized = c.cause == ruleAuthorized
		case hostJoined, hostLeft:
			in = c.cause == hostJoined
		default:
			matches = c.cause == peerJoined || c.cause == peerListed
		}
		c.rule = r
		switch is := authorized && in && matches; {
		case is && !was:
			spans = append(spans, span{from: c})
			was = true
		case was && !is:
			spans[len(spans)-1].to = c
			was = false
		}
	}
	return spans
}

// memberships returns when a host joined and left a group, and whether it had it at the beginning.
func (p *policy) memberships(host, group string, joined, left cause) (changes []change, first bool) {
	h := p.hosts[host]
	if h == nil {
		return nil, false
	}
	was := false
	for i, a := range h.groups {
		is := slices.Contains(a.groups, group)
		switch {
		case i == 0:
			first = is
		case is && !was:
			changes = append(changes, change{when: a.when, cause: joined, host: host, group: group})
		case was && !is:
			changes = append(changes, change{when: a.when, cause: left, host: host, group: group})
		}
		was = is
	}
	return changes, first
}

// listings returns when a prefix list got and lost a peer, and whether it had it at the beginning.
func (p *policy) listings(list string, peer netip.Addr) (changes []change, first bool) {
	contains := func(entry netip.Prefix) bool { return entry.Contains(peer) }
	known := p.lists[list]
	if len(known) == 0 {
		return nil, true
	}
	kept := func(entry netip.Prefix) bool { return contains(entry) && !slices.Contains(known[0].Add, entry) }
	first = slices.ContainsFunc(known[0].Remove, contains) || slices.ContainsFunc(known[0].Entries, kept)
	was := first
	for _, c := range known {
		is, moved, cause := slices.ContainsFunc(c.Entries, contains), c.Add, peerListed
		if was {
			moved, cause = c.Remove, peerUnlisted
		}
		if i := slices.IndexFunc(moved, contains); is != was && i >= 0 {
			changes = append(changes, change{when: c.when, cause: cause, group: list, entry: moved[i]})
			was = is
		}
	}
	return changes, first
}

// left returns when a host left a group that it does not have now.
func (p *policy) left(host, group string) (change, bool) {
	changes, _ := p.memberships(host, group, hostJoined, hostLeft)
	if n := len(changes); n > 0 && changes[n-1].cause == hostLeft {
		return changes[n-1], true
	}
	return change{}, false
}

// aclAt returns the last change of a host's network ACL before some time, if there was one after
// the traffic could begin.
func (p *policy) aclAt(at when, host string) (last aclChange, found bool) {
	h := p.hosts[host]
	if h == nil {
		return aclChange{}, false
	}
	for _, a := range h.acls {
		if a.seq < at.seq {
			last, found = a, true
		}
	}
	return last, found
}

// looseAt reports whether conntrack picked up connections mid-stream at some time, if it did so at
// first or not.
func (p *policy) looseAt(at when, loose bool) bool {
	for _, l := range p.loose {
		if l.seq < at.seq {
			loose = l.loose
		}
	}
	return loose
}
