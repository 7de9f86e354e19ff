package view

import (
	"cmp"
	"slices"
	"time"

	"lablab/internal/control"
	"lablab/packet"
)

// A Mark says what happened to a conntrack entry lately.
type Mark string

// The marks. Their shapes carry the meaning; colours only help.
const (
	Steady    Mark = " "
	New       Mark = "+" // just created
	Refreshed Mark = "*" // a packet has just restarted its timeout
	Expiring  Mark = "!" // expires in a few seconds unless a packet arrives
	Gone      Mark = "×" // just deleted or expired
)

// How long entries count as new, as expiring, and stay visible once they are gone.
const (
	newFor      = 1500 * time.Millisecond
	expiringFor = 5 // seconds
	goneFor     = 3 * time.Second
)

// An Entry is a conntrack entry with its mark.
type Entry struct {
	control.Flow
	Mark Mark

	longest int // longest timeout seen, in seconds
	seen    time.Time
	gone    time.Time
}

type entryKey struct {
	host string
	key  packet.Key
}

// Entries tracks the conntrack entries of a lab from one listing to the next.
type Entries struct {
	listed bool
	all    []Entry
}

// Update takes a new listing and marks what has changed.
func (t *Entries) Update(flows []control.Flow, at time.Time) {
	was := map[entryKey]Entry{}
	for _, e := range t.all {
		was[e.id()] = e
	}
	var now []Entry
	for _, f := range flows {
		e := Entry{Flow: f, Mark: Steady, longest: f.TimeoutSeconds, seen: at}
		old, known := was[e.id()]
		known = known && old.Mark != Gone && old.ConntrackID == f.ConntrackID
		if known {
			e.seen, e.longest = old.seen, max(old.longest, f.TimeoutSeconds)
		} else if !t.listed {
			e.seen = time.Time{} // its age is unknown
		}
		passed := f.Packets+f.ReplyPackets > old.Packets+old.ReplyPackets || f.TimeoutSeconds > old.TimeoutSeconds
		switch {
		case at.Sub(e.seen) < newFor:
			e.Mark = New
		case f.TimeoutSeconds <= expiringFor:
			e.Mark = Expiring
		case known && passed:
			e.Mark = Refreshed
		}
		delete(was, e.id())
		now = append(now, e)
	}
	for _, e := range was {
		if e.Mark != Gone {
			e.Mark, e.gone = Gone, at
		}
		if at.Sub(e.gone) < goneFor {
			now = append(now, e)
		}
	}
	slices.SortStableFunc(now, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), a.Key.Compare(b.Key))
	})
	t.all, t.listed = now, true
}

// All returns the entries, including those that have just gone, host by host.
func (t *Entries) All() []Entry { return t.all }

func (e Entry) id() entryKey { return entryKey{e.Host, e.Key} }
