package lab

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// A ruleKey identifies a rule by its group and its id in that group.
type ruleKey struct{ group, id string }

// Apply makes changes: all of them or none, and on all hosts or none. It leaves existing flows
// alone, unless they are no longer tracked, and returns what becomes of them. An *sg.Error holds the
// error that EC2 would return.
func (l *Lab) Apply(ctx context.Context, changes ...sg.Change) (Effect, error) {
	l.changing.Lock()
	defer l.changing.Unlock()
	if ctx.Err() != nil {
		return Effect{}, context.Cause(ctx)
	}
	if err := l.checkHosts(changes); err != nil {
		return Effect{}, err
	}
	from, was := l.account, l.numbers
	to, err := from.Apply(changes...)
	if err != nil {
		return Effect{}, err
	}
	delta := sg.Diff(from, to)
	numbers := l.number(delta)
	if err := l.enforce(to, numbers, delta); err != nil {
		return Effect{}, errors.Join(err, l.enforce(from, was, delta))
	}
	l.account, l.numbers = to, numbers
	l.record(delta, was)
	effect := l.effect(from, was, delta)
	var converted atomic.Int64
	err = each(l.hosts, func(h *Host) error {
		n, err := l.untrack(h, from)
		converted.Add(int64(n))
		return err
	})
	effect.Converted = int(converted.Load())
	return effect, err
}

// checkHosts rejects changes to interfaces that are not hosts of the lab.
func (l *Lab) checkHosts(changes []sg.Change) (err error) {
	for _, c := range changes {
		switch c := c.(type) {
		case sg.Attach:
			_, err = l.host(c.Interface)
		case sg.SetACL:
			_, err = l.host(c.Interface)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enforce puts one of two states of the account in force on all hosts. On a host, its network ACL
// changes after its groups.
func (l *Lab) enforce(account *sg.Account, numbers map[ruleKey]uint32, delta sg.Delta) error {
	return each(l.hosts, func(h *Host) error {
		if err := h.rules.Change(l.compile(account, numbers, h)); err != nil {
			return err
		}
		if !slices.ContainsFunc(delta.ACLs, func(c sg.SetACL) bool { return c.Interface == h.Name }) {
			return nil // keep its counters
		}
		i, _ := account.Interface(h.Name)
		return h.rules.SetACL(i.ACL)
	})
}

// number returns the number of each rule that is or was in force. A rule that is authorized gets a
// number that no other has ever had, even if it was in force before.
func (l *Lab) number(delta sg.Delta) map[ruleKey]uint32 {
	numbers := maps.Clone(l.numbers)
	for _, r := range delta.Authorized {
		l.lastNumber++
		numbers[ruleKey{r.Group, r.ID}] = l.lastNumber
	}
	return numbers
}

// compile builds the ruleset of a host.
func (l *Lab) compile(account *sg.Account, numbers map[ruleKey]uint32, h *Host) nft.Ruleset {
	rs := nft.Compile(account, groupsOf(account, h), func(g *sg.Group, r sg.Rule) uint32 { return numbers[ruleKey{g.Key(), r.ID}] })
	rs.Untracked = l.untracked(account, h)
	rs.Related, rs.Forwards, rs.SourceDestCheck = l.related, h.Forwards || h.Unchecked, !h.Unchecked
	return rs
}

// untracked returns the flows of a host that EC2 does not track.
func (l *Lab) untracked(account *sg.Account, h *Host) []sg.Untracked {
	if h.AlwaysTracked {
		return nil
	}
	return sg.UntrackedBy(groupsOf(account, h))
}

// groupsOf returns the groups of a host.
func groupsOf(account *sg.Account, h *Host) []*sg.Group {
	i, _ := account.Interface(h.Name)
	return account.GroupsByID(i.Groups)
}

// untrack marks the entries of flows that are no longer tracked, and returns how many it marked. By
// packet, the rules mark an entry when its next packet comes, and nothing needs to be done here.
func (l *Lab) untrack(h *Host, from *sg.Account) (marked int, err error) {
	if h.AlwaysTracked || h.ByPacket {
		return 0, nil
	}
	fresh := sg.NoLongerTracked(from, l.account, h.Name)
	if len(fresh) == 0 {
		return 0, nil
	}
	entries, err := l.tracked(h.Name)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		first := firstPackets(h, e.Orig)
		if len(first) > 1 || !slices.ContainsFunc(fresh, func(u sg.Untracked) bool { return u.Covers(first[0].Direction, first[0].Packet) }) {
			continue // what a host forwards is always tracked
		}
		was, err := l.markUntracked(h, e.Orig)
		if err != nil {
			return marked, err
		}
		if was {
			marked++
			l.log.Append(timeline.Cut{Host: h.Name, Flow: e.Orig, Why: timeline.CutUntracked})
		}
	}
	return marked, nil
}

// record adds what changed to the timeline. Revoked rules have the numbers that they had.
func (l *Lab) record(delta sg.Delta, was map[ruleKey]uint32) {
	for _, c := range delta.Attached {
		l.log.Append(timeline.GroupsChanged{Host: c.Interface, Groups: c.Groups})
	}
	for _, c := range delta.ACLs {
		l.log.Append(timeline.ACLChanged{Host: c.Interface, ACL: c.ACL})
	}
	for _, c := range delta.PrefixLists {
		entries, _ := l.account.Peers(sg.GroupRule{Rule: sg.Rule{PrefixList: c.PrefixList}})
		l.log.Append(timeline.PrefixListChanged{ModifyPrefixList: c, Entries: entries})
	}
	for _, g := range l.account.Groups {
		l.recordRules(g, delta, was)
	}
}

// recordRules leaves out a group until a host has it.
func (l *Lab) recordRules(g *sg.Group, delta sg.Delta, was map[ruleKey]uint32) {
	hosts, fresh := l.carriers(l.account, g), delta.Authorized
	if !l.announced[g.Key()] {
		if len(hosts) == 0 {
			return
		}
		l.announced[g.Key()] = true
		delta = sg.Diff(&sg.Account{}, &sg.Account{Groups: []*sg.Group{g}})
	}
	recorded := func(r sg.GroupRule, numbers map[ruleKey]uint32) timeline.Rule {
		return timeline.Rule{Number: numbers[ruleKey{r.Group, r.ID}], Group: r.Group, Direction: r.Direction, Hosts: hosts, Rule: r.Rule}
	}
	for _, r := range delta.Revoked {
		if r.Group == g.Key() {
			l.log.Append(timeline.RuleRevoked{Rule: recorded(r, was)})
		}
	}
	for _, r := range delta.Authorized {
		if r.Group == g.Key() {
			rule := recorded(r, l.numbers)
			l.known[rule.Number] = rule
			l.log.Append(timeline.RuleAuthorized{Rule: rule, Existing: !slices.Contains(fresh, r)})
		}
	}
}

// carriers returns the names of the hosts that have g.
func (l *Lab) carriers(account *sg.Account, g *sg.Group) []string {
	var names []string
	for _, h := range l.hosts {
		if slices.Contains(groupsOf(account, h), g) {
			names = append(names, h.Name)
		}
	}
	return names
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
		entries, err := l.tracked(h.Name)
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

// markUntracked marks an entry while it holds the lock on the shared socket.
func (l *Lab) markUntracked(h *Host, k packet.Key) (bool, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	return h.conntrack.Untrack(k)
}

// delete deletes an entry while it holds the lock on the shared socket.
func (l *Lab) delete(h *Host, k packet.Key) (bool, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	return h.conntrack.Delete(k)
}
