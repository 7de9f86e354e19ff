package lab

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"lablab/enforce"
	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/packet"
	"lablab/play"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// Apply makes changes: all of them or none, and on all hosts or none. It leaves existing flows
// alone, unless they are no longer tracked or a host's model says otherwise, and returns what becomes
// of them. An *sg.Error holds the
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
	from := l.policy
	to, delta, err := from.Apply(changes...)
	if err != nil {
		return Effect{}, err
	}
	conversions, was, is := map[*Host]conversion{}, map[*Host]enforce.Host{}, map[*Host]enforce.Host{}
	for _, h := range l.hosts {
		if conversions[h], err = l.conversionOf(h, from, to); err != nil {
			return Effect{}, err
		}
		was[h], is[h] = l.enforced(from, h), l.enforced(to, h)
	}
	revisions, err := l.revisions(was, is)
	if err != nil {
		return Effect{}, err
	}
	if err := l.enforce(to); err != nil {
		l.policy = from.Rejected(to)
		return Effect{}, errors.Join(err, l.enforce(from))
	}
	l.policy = to
	l.rules.Record(from, to, delta)
	effect := l.effect(from, delta)
	effect.Rechecking = l.rechecking(was, is)
	for _, r := range revisions {
		n, err := l.revise(r)
		if err != nil {
			return Effect{}, err
		}
		effect.Deleted += n
	}
	var converted atomic.Int64
	err = each(l.hosts, func(h *Host) error {
		n, err := l.untrack(h, conversions[h])
		converted.Add(int64(n))
		return err
	})
	effect.Converted = int(converted.Load())
	return effect, err
}

// checkHosts rejects changes to interfaces that are not hosts of the lab, or have a ruleset of their
// own.
func (l *Lab) checkHosts(changes []sg.Change) error {
	for _, c := range changes {
		var name string
		switch c := c.(type) {
		case sg.Attach:
			name = c.Interface
		case sg.SetACL:
			name = c.Interface
		default:
			continue
		}
		h, err := l.host(name)
		switch {
		case err != nil:
			return err
		case h.own != nil:
			return say.Errorf("%s has a ruleset of its own: lablab does not change it", h.Name)
		}
	}
	return nil
}

// enforce puts one of two policies in force on all hosts, on each in one step.
func (l *Lab) enforce(p play.Policy) error {
	return each(l.hosts, func(h *Host) error {
		if h.own != nil {
			return nil
		}
		enforced := l.enforced(p, h)
		tables, err := enforce.Compile(enforced)
		if err != nil {
			return err
		}
		if err := h.rules.Change(tables); err != nil {
			return err
		}
		h.wasUntracked = h.wasUntracked || enforced.MarksUntracked()
		return nil
	})
}

// enforced returns what a host enforces.
func (l *Lab) enforced(p play.Policy, h *Host) enforce.Host {
	i, _ := p.Account.Interface(h.Name)
	return enforce.Host{
		Model: h.Model, Account: p.Account, Groups: p.Groups(h.Name), ACL: i.ACL,
		Number:        func(g *sg.Group, r sg.Rule) uint32 { return p.Number(g.Key(), r.ID) },
		AlwaysTracked: h.AlwaysTracked, WasUntracked: h.wasUntracked,
		Related: l.related, Forwards: h.Forwards || h.Unchecked, SourceDestCheck: !h.Unchecked, Masquerades: h.Masquerade, Resets: h.Resets,
	}
}

// A conversion is what a change makes untracked on a host.
type conversion struct {
	flows   []sg.Untracked
	tracked map[uint32]bool // the entries that were tracked before, by their ids
}

// conversionOf returns what a change is going to make untracked. By packet, the rules mark an entry
// when its next packet comes, and nothing else needs to be done.
func (l *Lab) conversionOf(h *Host, from, to play.Policy) (c conversion, err error) {
	m := h.Enforcement()
	if h.AlwaysTracked || !m.Traits().Untracks || enforce.Setting(m, "conversion") == "by-packet" {
		return c, nil
	}
	if c.flows = sg.NoLongerTracked(from.Account, to.Account, h.Name); len(c.flows) == 0 {
		return c, nil
	}
	entries, err := l.tracked(h.Name)
	c.tracked = map[uint32]bool{}
	for _, e := range entries {
		c.tracked[e.ID] = true
	}
	return c, err
}

// covers reports whether the flow of an entry becomes untracked. What a host forwards never does.
func (c conversion) covers(h *Host, e flow.Entry) bool {
	first := firstPackets(h, e.Orig)
	return len(first) == 1 && slices.ContainsFunc(c.flows, func(u sg.Untracked) bool { return u.Covers(first[0].Direction, first[0].Packet) })
}

// untrack marks the entries of flows that are no longer tracked, and returns how many there are. The
// rules have marked an entry already if a packet has come since they changed.
func (l *Lab) untrack(h *Host, c conversion) (converted int, err error) {
	if len(c.flows) == 0 {
		return 0, nil
	}
	entries, err := l.Flows(h.Name)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if !c.covers(h, e) {
			continue
		}
		was := c.tracked[e.ID]
		if !e.Untracked {
			if was, err = l.markUntracked(h, e.Orig); err != nil {
				return converted, err
			}
		}
		if was {
			converted++
			l.log.Append(timeline.Cut{Host: h.Name, Flow: e.Orig, Why: timeline.CutUntracked})
		}
	}
	return converted, nil
}

// Configure changes the conntrack settings of every host. A new timeout applies to an entry from
// its next packet on. Unless loose is set, each host picks up TCP connections mid-stream as before.
func (l *Lab) Configure(s conntrack.Settings, loose bool) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	if loose {
		for _, h := range l.hosts {
			h.loose = s.Loose
		}
	}
	if err := each(l.hosts, func(h *Host) error { return conntrack.Configure(h.ns, h.settings(s)) }); err != nil {
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
	return l.rules.Known(number)
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
