package lab

import (
	"context"
	"slices"
	"time"

	"lablab/enforce"
	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

// A revision is what a change of its rules does to the flows of a host: as its model says, after the
// change, so that no packet begins a flow anew under the old rules.
type revision struct {
	*Host
	before map[uint32]uint64 // how many packets each entry had counted before the change, by id
}

// revisions returns one for each host whose rules are about to change, if its model does anything then.
func (l *Lab) revisions(from, to map[*Host]enforce.Host) (list []revision, err error) {
	for _, h := range l.hosts {
		t := h.Enforcement().Traits()
		if !t.Deletes && !t.Unmarks || from[h].SameRules(to[h]) {
			continue
		}
		r := revision{h, map[uint32]uint64{}}
		if t.Deletes {
			entries, err := l.Flows(h.Name)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				r.before[e.ID] = e.Sent.Packets + e.Got.Packets
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// revise does what the model does, or later if it has a delay. It returns how many entries it has
// deleted. l.changing is held.
func (l *Lab) revise(r revision) (deleted int, err error) {
	delay := time.Duration(float64(r.Enforcement().Traits().Delay) * l.scale)
	if delay == 0 {
		return l.affect(r)
	}
	due := &dueRevision{at: time.Now().Add(delay), done: make(chan struct{})}
	l.due = append(l.due, due)
	l.watchers.Go(func() {
		defer l.survive()
		defer close(due.done)
		select {
		case <-l.watching.Done():
			return
		case <-time.After(delay):
		}
		l.changing.Lock()
		defer l.changing.Unlock()
		if _, err := l.affect(r); err != nil {
			l.fail(err)
		}
	})
	return 0, nil
}

// A dueRevision comes some time after the change.
type dueRevision struct {
	at   time.Time
	done chan struct{}
}

// awaitRevisions waits until those whose time has come have been made.
func (l *Lab) awaitRevisions(ctx context.Context) {
	now := time.Now()
	l.changing.Lock()
	due := slices.Clone(l.due)
	l.due = slices.DeleteFunc(l.due, func(d *dueRevision) bool { return !d.at.After(now) })
	l.changing.Unlock()
	for _, d := range due {
		if d.at.After(now) {
			continue
		}
		select {
		case <-d.done:
		case <-ctx.Done():
		}
	}
}

// affect does to the entries of a host what its model does after a change of the rules. A packet that
// met the old rules may add its entry after they were listed, so they are listed again until none is
// left of a rule that is not in force. It returns how many were deleted.
func (l *Lab) affect(r revision) (deleted int, err error) {
	const most = 5 // times
	rules := l.enforced(l.policy, r.Host).Policy()
	for round := range most {
		entries, err := l.Flows(r.Name)
		if err != nil {
			return deleted, err
		}
		affected := 0
		for _, e := range entries {
			f := r.flowOf(e)
			if round > 0 && rules.InForce(f.Mark.Admitted()) {
				continue
			}
			effect := r.Enforcement().Changed(f, rules)
			did, err := l.affectEntry(r, e, effect)
			if err != nil {
				return deleted, err
			}
			if did {
				affected++
			}
			if did && effect == enforce.Deletes {
				deleted++
			}
		}
		if affected == 0 {
			break
		}
	}
	return deleted, nil
}

// affectEntry has an effect on an entry, and reports whether the entry still existed.
func (l *Lab) affectEntry(r revision, e flow.Entry, effect enforce.Effect) (bool, error) {
	cut := timeline.Cut{Host: r.Name, Flow: e.Orig}
	var was bool
	var err error
	switch effect {
	case enforce.Deletes:
		cut.Why, cut.Packets, cut.ID = timeline.CutChanged, r.before[e.ID], e.ID
		was, err = l.delete(r.Host, e.Orig)
	case enforce.Unmarks:
		cut.Why = timeline.CutUnmarked
		was, err = l.unmark(r.Host, e.Orig)
	}
	if was {
		l.log.Append(cut)
	}
	return was, err
}

// unmark takes the mark of an entry while it holds the lock on the shared socket.
func (l *Lab) unmark(h *Host, k packet.Key) (bool, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	return h.conntrack.Unmark(k)
}

// flowOf returns what the host's model sees of an entry.
func (h *Host) flowOf(e flow.Entry) enforce.Flow {
	f := enforce.Flow{Orig: e.Orig, Mark: packet.Mark(e.Mark), TCP: e.TCP, Began: packet.Ingress}
	switch {
	case e.Untracked:
		f.Mark = packet.UntrackedMark
	case e.Released != 0:
		_, in := packet.ForwardMark(packet.Ingress, e.Mark)
		_, out := packet.ForwardMark(packet.Egress, e.Released)
		f.Mark = in | out
	case e.Blocked:
		f.Mark |= packet.Tombstone
	}
	switch {
	case h.has(e.Orig.Source):
		f.Began = packet.Egress
	case !h.has(e.Orig.Destination):
		f.Forwarded = true
	}
	return f
}
