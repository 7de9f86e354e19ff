package lab

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A revokedRule is a rule that can be authorized again by its id.
type revokedRule struct {
	direction packet.Direction
	rule      sg.Rule
	number    uint32
}

// Reauthorize authorizes revoked rules again, by their ids. The group may be empty if the first id
// belongs to one group only.
func (l *Lab) Reauthorize(group string, ids ...string) (Effect, error) {
	effect, err := l.change(func(to *sg.Account) error {
		if group == "" {
			if group = l.hadRule(ids[0]); group == "" {
				return &sg.Error{Code: sg.RuleNotFound, Message: fmt.Sprintf("The security group rule ID '%s' was not revoked from exactly one group", ids[0])}
			}
		}
		g, err := to.Find(group)
		if err != nil {
			return err
		}
		for _, id := range ids {
			was, known := l.revoked[ruleKey{group, id}]
			if !known {
				return &sg.Error{Code: sg.RuleNotFound, Message: fmt.Sprintf("The security group rule ID '%s' was not revoked here", id)}
			}
			if err := g.Authorize(was.direction, was.rule); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Effect{}, say.Errorf("authorize in group %s: %w", group, err)
	}
	return effect, nil
}

// hadRule returns the group from which a rule with that id was revoked, or "" if there is not
// exactly one.
func (l *Lab) hadRule(id string) string {
	var groups []string
	for key := range l.revoked {
		if key.id == id {
			groups = append(groups, key.group)
		}
	}
	if len(groups) != 1 {
		return ""
	}
	return groups[0]
}

// A ruleKey identifies a rule by its group and its id in that group.
type ruleKey struct{ group, id string }

// Authorize adds rules to a group, on every host that has the group. It adds all of them or none.
// An *sg.Error holds the error that EC2 would return.
func (l *Lab) Authorize(group string, d packet.Direction, rules ...sg.Rule) (Effect, error) {
	effect, err := l.change(func(to *sg.Account) error {
		g, err := to.Find(group)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if r.Reference.GroupID == "" {
				continue
			}
			if _, err := to.Find(r.Reference.GroupID); err != nil {
				return err
			}
		}
		return g.Authorize(d, rules...)
	})
	if err != nil {
		return Effect{}, say.Errorf("authorize in group %s: %w", group, err)
	}
	return effect, nil
}

// Revoke removes rules from a group by their ids, on every host that has the group. It leaves
// conntrack alone.
func (l *Lab) Revoke(group string, ids ...string) (Effect, error) {
	effect, err := l.change(func(to *sg.Account) error {
		g, err := to.Find(group)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, _, err := g.Revoke(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Effect{}, say.Errorf("revoke from group %s: %w", group, err)
	}
	return effect, nil
}

// RevokeSame removes the rules that allow exactly the same traffic.
func (l *Lab) RevokeSame(group string, d packet.Direction, rules ...sg.Rule) (Effect, error) {
	effect, err := l.change(func(to *sg.Account) error {
		g, err := to.Find(group)
		if err != nil {
			return err
		}
		_, err = g.RevokeSame(d, rules...)
		return err
	})
	if err != nil {
		return Effect{}, say.Errorf("revoke from group %s: %w", group, err)
	}
	return effect, nil
}

// SetGroups replaces the groups of a host.
func (l *Lab) SetGroups(host string, groups []string) (Effect, error) {
	effect, err := l.change(func(to *sg.Account) error {
		i, found := to.Interface(host)
		if !found {
			return say.Errorf("the lab has no host %s", host)
		}
		for _, g := range groups {
			if _, err := to.Find(g); err != nil {
				return err
			}
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(groups))); len(distinct) != len(groups) {
			return say.New("a group is given twice")
		}
		i.Groups = slices.Clone(groups)
		to.Attach(i)
		return nil
	})
	if err != nil {
		return Effect{}, say.Errorf("change the groups of %s: %w", host, err)
	}
	return effect, nil
}

// change alters the rules of groups or which hosts have them, and enforces the result: in one
// transaction per host, and on all hosts or none.
func (l *Lab) change(alter func(to *sg.Account) error) (Effect, error) {
	l.changing.Lock()
	defer l.changing.Unlock()
	effect := Effect{gone: map[string][]uint32{}}
	from, to := l.account, l.account.Clone()
	if err := alter(to); err != nil {
		return effect, err
	}
	numbers := l.number(to)
	err := each(l.hosts, func(h *Host) error { return h.rules.Change(l.compile(to, numbers, h)) })
	if err != nil {
		back := each(l.hosts, func(h *Host) error { return h.rules.Change(l.compile(from, l.numbers, h)) })
		return effect, errors.Join(err, back)
	}
	for _, h := range l.hosts {
		if gone := gone(numbersOn(from, l.numbers, h), numbersOn(to, numbers, h)); len(gone) > 0 {
			effect.gone[h.Name] = gone
		}
		fate := fateOf(carried(to, h), l.untracked(from, h), l.untracked(to, h), l.settings.Loose)
		if effect.Untracked != Checked && fate != Unchanged {
			effect.Untracked = fate
		}
	}
	l.keepRevoked(from, numbers)
	l.record(from, to, numbers)
	l.account, l.numbers = to, numbers
	var deleted atomic.Int64
	err = each(l.hosts, func(h *Host) error {
		n, err := l.cutUntracked(h, l.untracked(from, h), l.untracked(to, h))
		deleted.Add(int64(n))
		return err
	})
	effect.Deleted = int(deleted.Load())
	return effect, err
}

// number gives each rule of the account a number that no other rule of the lab has ever had. A rule
// that stays keeps its number.
func (l *Lab) number(to *sg.Account) map[ruleKey]uint32 {
	numbers := map[ruleKey]uint32{}
	for _, g := range to.Groups {
		for _, d := range bothDirections {
			for _, r := range g.Rules(d) {
				key := ruleKey{g.Key(), r.ID}
				number, stays := l.numbers[key]
				if !stays {
					l.lastNumber++
					number = l.lastNumber
				}
				numbers[key] = number
			}
		}
	}
	return numbers
}

// compile builds the ruleset of a host.
func (l *Lab) compile(account *sg.Account, numbers map[ruleKey]uint32, h *Host) nft.Ruleset {
	rs := nft.Compile(account, carried(account, h), func(g *sg.Group, r sg.Rule) uint32 { return numbers[ruleKey{g.Key(), r.ID}] })
	rs.Untracked = l.untracked(account, h)
	rs.Related = l.related
	return rs
}

// untracked returns the flows that conntrack must not see on a host.
func (l *Lab) untracked(account *sg.Account, h *Host) []sg.Untracked {
	if h.AlwaysTracked {
		return nil
	}
	return sg.UntrackedBy(carried(account, h))
}

// carried returns the groups of a host.
func carried(account *sg.Account, h *Host) []*sg.Group {
	i, _ := account.Interface(h.Name)
	return account.Carried(i.Groups)
}

// cutUntracked deletes the entries of flows that are no longer tracked, and returns how many it
// deleted. Otherwise those entries would match again as soon as the flows are tracked again. (AWS
// does not document that EC2 does this, but its isolation tools rely on it.)
func (l *Lab) cutUntracked(h *Host, before, now []sg.Untracked) (deleted int, err error) {
	fresh := slices.DeleteFunc(slices.Clone(now), func(u sg.Untracked) bool { return slices.Contains(before, u) })
	if len(fresh) == 0 {
		return 0, nil
	}
	entries, err := l.Flows(h.Name)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		d, packet := firstPacket(h, e.Orig)
		if !slices.ContainsFunc(fresh, func(u sg.Untracked) bool { return u.Covers(d, packet) }) {
			continue
		}
		was, err := l.delete(h, e.Orig)
		if err != nil {
			return deleted, err
		}
		if was {
			deleted++
		}
		l.log.Append(timeline.Cut{Host: h.Name, Flow: e.Orig, Why: timeline.CutUntracked})
	}
	return deleted, nil
}

// firstPacket returns the first packet of a flow as the groups of a host see it.
func firstPacket(h *Host, k packet.Key) (packet.Direction, sg.Packet) {
	p := sg.Packet{Protocol: k.Protocol, To: int(k.DestinationPort), Peer: k.Source}
	if k.Protocol == packet.ICMP || k.Protocol == packet.ICMPv6 {
		p.To, p.Code = int(k.ICMPType), int(k.ICMPCode)
	}
	if k.Source == h.Address.Addr() {
		p.Peer = k.Destination
		return packet.Egress, p
	}
	return packet.Ingress, p
}

var bothDirections = [...]packet.Direction{packet.Ingress, packet.Egress}

// record adds what changed to the timeline. It leaves out rules of groups that no host has had yet.
func (l *Lab) record(from, to *sg.Account, numbers map[ruleKey]uint32) {
	for _, h := range l.hosts {
		was, _ := from.Interface(h.Name)
		is, _ := to.Interface(h.Name)
		if from != to && !slices.Equal(was.Groups, is.Groups) {
			l.log.Append(timeline.GroupsChanged{Host: h.Name, Groups: is.Groups})
		}
	}
	for _, g := range to.Groups {
		carriers := l.carriers(to, g)
		if len(carriers) > 0 && !l.announced[g.Key()] {
			l.announced[g.Key()] = true
			from = withoutRules(from, g.Key())
		}
		if !l.announced[g.Key()] {
			continue
		}
		old := &sg.Group{}
		if g := from.Group(g.Key()); g != nil {
			old = g
		}
		for _, d := range bothDirections {
			for _, r := range old.Rules(d) {
				if _, stays := numbers[ruleKey{g.Key(), r.ID}]; !stays {
					l.log.Append(timeline.RuleRevoked{Rule: recorded(g, d, r, l.numbers[ruleKey{g.Key(), r.ID}], carriers)})
				}
			}
			for _, r := range g.Rules(d) {
				if _, _, there := old.Find(r.ID); !there {
					rule := recorded(g, d, r, numbers[ruleKey{g.Key(), r.ID}], carriers)
					l.known[rule.Number] = rule
					l.log.Append(timeline.RuleAuthorized{Rule: rule})
				}
			}
		}
	}
}

// keepRevoked remembers the rules that are no longer in force, so that they can be authorized
// again.
func (l *Lab) keepRevoked(from *sg.Account, numbers map[ruleKey]uint32) {
	for _, g := range from.Groups {
		for _, d := range bothDirections {
			for _, r := range g.Rules(d) {
				key := ruleKey{g.Key(), r.ID}
				if _, stays := numbers[key]; !stays {
					l.revoked[key] = revokedRule{d, r, l.numbers[key]}
				}
			}
		}
	}
}

// withoutRules returns the account as if the group had no rules yet.
func withoutRules(a *sg.Account, group string) *sg.Account {
	clone := a.Clone()
	if g := clone.Group(group); g != nil {
		g.Ingress, g.Egress = nil, nil
	}
	return clone
}

// carriers returns the names of the hosts that have g.
func (l *Lab) carriers(account *sg.Account, g *sg.Group) []string {
	var names []string
	for _, h := range l.hosts {
		if slices.Contains(carried(account, h), g) {
			names = append(names, h.Name)
		}
	}
	return names
}

func recorded(g *sg.Group, d packet.Direction, r sg.Rule, number uint32, hosts []string) timeline.Rule {
	return timeline.Rule{Number: number, Group: g.Key(), Direction: d, Hosts: hosts, Rule: r}
}

// SetACL attaches a network ACL to a host, or removes it (nil). An ACL is stateless: it neither
// uses conntrack nor changes it.
func (l *Lab) SetACL(host string, acl *sg.ACL) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	h, err := l.host(host)
	if err != nil {
		return err
	}
	if err := h.rules.SetACL(acl); err != nil {
		return err
	}
	l.log.Append(timeline.ACLChanged{Host: host, ACL: acl})
	return nil
}

// Configure changes the conntrack settings of every host. A new timeout applies to an entry from
// its next packet on.
func (l *Lab) Configure(s conntrack.Settings) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	if err := each(l.hosts, func(h *Host) error { return conntrack.Configure(h.ns, s) }); err != nil {
		return err
	}
	l.settings = s
	l.log.Append(timeline.Configured{Timeouts: s.Timeouts, Loose: s.Loose})
	return nil
}

// Cut deletes the conntrack entries for which meant returns true, on one host or, if the name is
// empty, on all. It returns how many it deleted.
func (l *Lab) Cut(host string, meant func(flow.Entry) bool) (int, error) {
	l.changing.Lock()
	defer l.changing.Unlock()
	cut := 0
	for _, h := range l.hosts {
		if host != "" && h.Name != host {
			continue
		}
		entries, err := l.Flows(h.Name)
		if err != nil {
			return cut, err
		}
		for _, e := range entries {
			if !meant(e) {
				continue
			}
			was, err := l.delete(h, e.Orig)
			if err != nil {
				return cut, err
			}
			if was {
				cut++
				l.log.Append(timeline.Cut{Host: h.Name, Flow: e.Orig, Why: timeline.CutAsked})
			}
		}
	}
	return cut, nil
}

// Known returns the rule with that number, whether or not it is still in force.
func (l *Lab) Known(number uint32) (timeline.Rule, bool) {
	l.changing.Lock()
	defer l.changing.Unlock()
	rule, known := l.known[number]
	return rule, known
}

// delete deletes an entry while it holds the lock on the shared socket.
func (l *Lab) delete(h *Host, k packet.Key) (bool, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	return h.conntrack.Delete(k)
}
