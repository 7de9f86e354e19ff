package claimtest

import (
	"fmt"
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/report/claims"
	"lablab/sg"
	"lablab/timeline"
)

// An account is what the groups allow at one moment.
type account struct {
	*sg.Account
	rules map[uint32]timeline.Rule // those in force
}

// accountAt returns what the groups allow just after an event.
func (e *Evidence) accountAt(at int) account {
	n, is := slices.BinarySearch(e.changes, at)
	if is {
		n++
	}
	a, known := e.accounts[n]
	if !known {
		a = e.accountAfter(e.changes[:n])
		e.accounts[n] = a
	}
	return a
}

// accountAfter returns what the groups allow after these events.
func (e *Evidence) accountAfter(changes []int) account {
	a := account{&sg.Account{PrefixLists: e.firstLists()}, map[uint32]timeline.Rule{}}
	for _, i := range changes {
		switch body := e.events[i].Body.(type) {
		case timeline.Begun:
			for _, h := range body.Hosts {
				a.Attach(sg.Interface{ID: h.Name, Groups: h.Groups, Addresses: h.Addresses()})
			}
		case timeline.GroupsChanged:
			host, _ := a.Interface(body.Host)
			host.Groups = body.Groups
			a.Attach(host)
		case timeline.RuleAuthorized:
			a.rules[body.Number] = body.Rule
		case timeline.RuleRevoked:
			delete(a.rules, body.Number)
		case timeline.PrefixListChanged:
			a.PrefixLists = slices.DeleteFunc(a.PrefixLists, func(l sg.PrefixList) bool { return l.ID == body.PrefixList })
			a.PrefixLists = append(a.PrefixLists, sg.PrefixList{ID: body.PrefixList, Known: true, Entries: body.Entries})
		}
	}
	for _, r := range a.rules {
		a.add(r)
	}
	return a
}

// firstLists returns the prefix lists at the beginning, as far as their first changes show.
func (e *Evidence) firstLists() (lists []sg.PrefixList) {
	for i := range e.events {
		c, is := e.events[i].Body.(timeline.PrefixListChanged)
		if !is || slices.ContainsFunc(lists, func(l sg.PrefixList) bool { return l.ID == c.PrefixList }) {
			continue
		}
		entries := slices.DeleteFunc(slices.Clone(c.Entries), func(p netip.Prefix) bool { return slices.Contains(c.Add, p) })
		lists = append(lists, sg.PrefixList{ID: c.PrefixList, Known: true, Entries: append(entries, c.Remove...)})
	}
	return lists
}

// add adds a rule to its group.
func (a *account) add(r timeline.Rule) {
	g := a.Group(r.Group)
	if g == nil {
		g = &sg.Group{ID: r.Group}
		a.Groups = append(a.Groups, g)
	}
	if r.Direction == packet.Ingress {
		g.Ingress = append(g.Ingress, r.Rule)
	} else {
		g.Egress = append(g.Egress, r.Rule)
	}
}

// groups returns the groups of a host.
func (a account) groups(host string) []*sg.Group {
	i, _ := a.Interface(host)
	return a.GroupsByID(i.Groups)
}

// matches reports whether the rule with that number matches a packet at a host.
func (a account) matches(number uint32, host string, d packet.Direction, k packet.Key) bool {
	r, inForce := a.rules[number]
	if !inForce || r.Direction != d {
		return false
	}
	if known := slices.ContainsFunc(a.PrefixLists, func(l sg.PrefixList) bool { return l.ID == r.PrefixList }); r.PrefixList != "" && !known {
		peer := seenBy(d, k).Peer // a list that never changes has the peer whenever it matched
		r.PrefixList, r.Peer = "", netip.PrefixFrom(peer, peer.BitLen())
	}
	only := account{Account: &sg.Account{Interfaces: a.Interfaces, PrefixLists: a.PrefixLists}}
	only.add(r)
	_, admitted := only.Judge(only.groups(host), d, seenBy(d, k))
	return admitted
}

// seenBy returns what rules of a direction see of a packet.
func seenBy(d packet.Direction, k packet.Key) sg.Packet {
	p := sg.Packet{Protocol: k.Protocol, Peer: k.Source, To: int(k.DestinationPort)}
	if d == packet.Egress {
		p.Peer = k.Destination
	}
	if k.Protocol.IsICMP() {
		p.To, p.Code = int(k.ICMPType), int(k.ICMPCode)
	}
	return p
}

// change checks that the event of a claim is the change that it describes: one of its rule, of a
// host's groups, or of a prefix list.
func (e *Evidence) change(c claims.Claim, begins bool) error {
	if c.Change < 1 || c.Change >= uint64(len(e.events)) {
		return fmt.Errorf("there is no event %d", c.Change)
	}
	right := false
	switch body := e.events[c.Change].Body.(type) {
	case timeline.RuleAuthorized:
		right = begins && body.Number == c.Rule && c.Group == ""
	case timeline.RuleRevoked:
		right = !begins && body.Number == c.Rule && c.Group == ""
	case timeline.GroupsChanged:
		right = body.Host == c.Member && slices.Contains(body.Groups, c.Group) == begins
	case timeline.PrefixListChanged:
		right = c.Member == "" && body.PrefixList == c.Group
	}
	if !right {
		return fmt.Errorf("event %d is %+v", c.Change, e.events[c.Change].Body)
	}
	return nil
}

// closed checks that no rule has matched since the change, and that the rule did before.
func (e *Evidence) closed(c claims.Claim) error {
	first, found := e.verdict(c, c.First)
	last, also := e.verdict(c, c.Last)
	if !found || !also {
		return fmt.Errorf("no verdict on packets %d and %d", c.First, c.Last)
	}
	if err := e.change(c, false); err != nil {
		return err
	}
	change := int(c.Change)
	if change >= first.at && !e.recordedLate(change, first) {
		return fmt.Errorf("event %d is not before the packet's verdict, at %d", change, first.at)
	}
	k := first.Packet.Key()
	if !e.accountAt(change-1).matches(c.Rule, c.Host, c.Direction, k) {
		return fmt.Errorf("rule %d did not match before event %d", c.Rule, change)
	}
	for at, end := change, e.judgedBy(first); at <= end; at++ {
		if !isChange(e.events[at].Body) && at != end && at != change {
			continue
		}
		a := e.accountAt(at)
		if by, admitted := a.Judge(a.groups(c.Host), c.Direction, seenBy(c.Direction, k)); admitted {
			return fmt.Errorf("rule %s matched after event %d", by.Rule.ID, at)
		}
	}
	a := e.accountAt(max(e.judgedBy(last), change))
	if by, admitted := a.Judge(a.groups(c.Host), c.Direction, seenBy(c.Direction, k)); admitted {
		return fmt.Errorf("rule %s matches packet %d", by.Rule.ID, c.Last)
	}
	return nil
}

// recordedLate reports whether a change that is recorded after a verdict can have been in force
// before: it is recorded when all hosts have it. The streams are held meanwhile, but TCP sends by
// itself.
func (e *Evidence) recordedLate(change int, v verdict) bool {
	return change < len(e.events) && e.events[change].At-v.time <= round && !v.Accepted && v.Packet.Protocol == packet.TCP
}

// judgedBy returns the last event that can have been before a verdict: one that was recorded before it
// may have come later, of a segment that TCP sent by itself.
func (e *Evidence) judgedBy(v verdict) int {
	last := v.at
	if v.Accepted || v.Packet.Protocol != packet.TCP {
		return last
	}
	for at := v.at; at > 0 && v.time-e.events[at].At <= round+e.haltedAround(v.time); at-- {
		if isChange(e.events[at].Body) {
			last = at - 1
		}
	}
	return last
}

// isChange reports whether an event may change what the groups allow.
func isChange(b timeline.Body) bool {
	switch b.(type) {
	case timeline.Begun, timeline.RuleAuthorized, timeline.RuleRevoked, timeline.GroupsChanged, timeline.PrefixListChanged:
		return true
	}
	return false
}

// left checks that a host had the group until the change.
func (e *Evidence) left(c claims.Claim) error {
	if err := e.change(c, false); err != nil {
		return err
	}
	if host, _ := e.accountAt(int(c.Change) - 1).Interface(c.Member); !slices.Contains(host.Groups, c.Group) {
		return fmt.Errorf("%s did not have group %s", c.Member, c.Group)
	}
	return nil
}

// opened checks that the rule has matched since the change and not before, and that an earlier
// packet was dropped before it.
func (e *Evidence) opened(c claims.Claim) error {
	v, found := e.verdict(c, c.First)
	if !found {
		return fmt.Errorf("no verdict on packet %d", c.First)
	}
	if err := e.change(c, true); err != nil {
		return err
	}
	change := int(c.Change)
	if change >= v.at {
		return fmt.Errorf("event %d is not before the packet's verdict, at %d", change, v.at)
	}
	k := v.Packet.Key()
	if v.Number != c.Rule || !e.accountAt(v.at).matches(c.Rule, c.Host, c.Direction, k) {
		return fmt.Errorf("rule %d did not match", c.Rule)
	}
	if e.accountAt(change-1).matches(c.Rule, c.Host, c.Direction, k) {
		return fmt.Errorf("rule %d matched before event %d too", c.Rule, change)
	}
	if c.Event > 0 {
		return nil // it does not say that
	}
	for seq := c.First - 1; seq > 0; seq-- {
		if before, found := e.verdict(c, seq); found && !before.Accepted {
			if before.at >= change {
				return fmt.Errorf("packet %d was dropped after event %d", seq, change)
			}
			return nil
		}
	}
	return fmt.Errorf("no earlier packet was dropped")
}

// outlived checks that the rule that admitted the entry has not matched since the change, and that
// the entry was there nevertheless.
func (e *Evidence) outlived(c claims.Claim) error {
	x, err := e.entry(c.Entry)
	if err != nil {
		return err
	}
	if err := e.change(c, false); err != nil {
		return err
	}
	change := int(c.Change)
	if x.begin > change {
		return fmt.Errorf("event %d is not during the entry's life", change)
	}
	d := packet.Ingress
	if r, is := e.rule(c.Rule); is {
		d = r.Direction
	}
	if !e.accountAt(change-1).matches(c.Rule, c.Host, d, x.orig) {
		return fmt.Errorf("rule %d did not match before event %d", c.Rule, change)
	}
	return e.eachPacket(c, func(v verdict) error {
		switch {
		case v.at < change:
			return fmt.Errorf("its verdict is before event %d", change)
		case x.markAt(v.at) != c.Rule && numberAt(x.releases, v.at) != c.Rule:
			return fmt.Errorf("rule %d had admitted the entry", x.markAt(v.at))
		case e.accountAt(v.at).matches(c.Rule, c.Host, d, x.orig):
			return fmt.Errorf("rule %d still matches", c.Rule)
		case v.State != packet.Established || !v.Accepted || v.Kind != packet.ByEstablished:
			return fmt.Errorf("%s, accepted: %v", v.State, v.Accepted)
		}
		return e.during(x, v)
	})
}

// rule returns the rule with that number.
func (e *Evidence) rule(number uint32) (timeline.Rule, bool) {
	for _, i := range e.changes {
		if r, is := e.events[i].Body.(timeline.RuleAuthorized); is && r.Number == number {
			return r.Rule, true
		}
	}
	return timeline.Rule{}, false
}

// openToWorld checks that EC2 would not track the packets.
func (e *Evidence) openToWorld(c claims.Claim) error {
	return e.eachPacket(c, func(v verdict) error {
		a := e.accountAt(v.at)
		if sg.Tracked(a.groups(c.Host), c.Direction, seenBy(c.Direction, v.Packet.Key())) {
			return fmt.Errorf("%s is tracked", v.Packet)
		}
		return nil
	})
}
