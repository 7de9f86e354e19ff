package report

import (
	"time"

	"lablab/flow"
	"lablab/timeline"
)

// Deleted is what changes of the rules did to conntrack entries, where a host's model deletes entries
// then.
type Deleted struct {
	// Entries is how many were deleted.
	Entries int `json:"entries"`
	// Passed is how many of their packets were counted from just before the rules changed until the
	// entry was deleted: those that it let pass although the rules had changed are among them. Streams
	// that are held send none, but for what TCP sends by itself.
	Passed uint64 `json:"passed"`
	// Unknown is how many of the entries ended without a report, so that their packets are not counted.
	Unknown int `json:"unknown,omitempty"`
}

// A deletion is an entry that a change of the rules deletes.
type deletion struct {
	host string
	id   uint32
}

// deletions count what passed before entries were deleted. That an entry is gone may be reported before
// or after its deletion.
type deletions struct {
	waiting map[deletion][]uint64 // what entries had counted before the change, until their end is reported
	ended   map[deletion]entryEnd // what entries had counted at their end, until they are found to be deleted
	sum     Deleted
}

// An entryEnd is when an entry ended, and what it had counted.
type entryEnd struct {
	at    time.Duration
	count uint64
}

func newDeletions() *deletions {
	return &deletions{waiting: map[deletion][]uint64{}, ended: map[deletion]entryEnd{}}
}

// changed takes an event of conntrack.
func (d *deletions) changed(now time.Duration, e timeline.EntryChanged) {
	at := deletion{e.Host, e.Entry.ID}
	if e.Change == flow.Destroy {
		count := e.Entry.Sent.Packets + e.Entry.Got.Packets
		if before := d.waiting[at]; len(before) > 0 {
			d.waiting[at] = before[1:]
			d.sum.Passed += count - min(before[0], count)
			return
		}
		d.ended[at] = entryEnd{now, count}
	}
}

// cut takes that an entry was deleted.
func (d *deletions) cut(now time.Duration, c timeline.Cut) {
	if c.Why != timeline.CutChanged {
		return
	}
	d.sum.Entries++
	at := deletion{c.Host, c.ID}
	if end, ended := d.ended[at]; ended && now-end.at <= patience { // the kernel may give an id again
		delete(d.ended, at)
		d.sum.Passed += end.count - min(c.Packets, end.count)
		return
	}
	d.waiting[at] = append(d.waiting[at], c.Packets)
}

// result returns the sum, or nil if nothing was deleted.
func (d *deletions) result() *Deleted {
	if d.sum.Entries == 0 {
		return nil
	}
	sum := d.sum
	for _, list := range d.waiting {
		sum.Unknown += len(list)
	}
	return &sum
}
