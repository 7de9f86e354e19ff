package lab

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
	"lablab/pinger"
	"lablab/scenario"
	"lablab/timeline"
)

// A witness turns the kernel's reports into the timeline, and tracks how complete they are.
type witness struct {
	log *timeline.Log

	mu           sync.Mutex
	streams      map[streamKey]*journeys
	indexes      map[string]*entryIndex // by host
	unattributed func(host string, v nft.Verdict)
	changed      chan struct{} // closed whenever any of these changes
}

// An entryIndex holds the conntrack entries of a host, as reported by events.
type entryIndex struct {
	alive  map[packet.Key]uint32 // id
	missed bool                  // events were lost, so the index may be wrong
}

func newWitness(log *timeline.Log) *witness {
	return &witness{log: log, streams: map[streamKey]*journeys{}, indexes: map[string]*entryIndex{}, changed: make(chan struct{})}
}

// start starts a stream such that none of its verdicts arrives before the stream is known.
func (w *witness) start(key streamKey, a scenario.Start, begin func() (*pinger.Stream, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	stream, err := begin()
	if err != nil {
		return err
	}
	w.streams[key] = newJourneys(a, stream)
	return nil
}

// knows reports whether there was ever a stream with that key.
func (w *witness) knows(key streamKey) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams[key] != nil
}

// judged logs a verdict of the kernel at one host, with the packet of a stream that it is about.
func (w *witness) judged(host string, v nft.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v.Packet.IsError() {
		w.judgedError(host, v)
		return
	}
	key, reply := keyOf(v.Packet)
	j := w.streams[key]
	if j == nil {
		j, reply = w.streams[key.reversed()], true
	}
	if j == nil {
		w.logUnattributed(host, v)
		return
	}
	part, known := j.part(host, v, reply)
	if !known { // the verdict that would explain it was lost
		w.logUnattributed(host, v)
		return
	}
	event := eventOf(host, v)
	event.Stream, event.Seq, event.Last, event.Reply = j.Start.Stream, part.first, part.last, reply
	if event.Last <= event.Seq {
		event.Last = 0
	}
	w.log.Append(event)
	j.judge(host, v, part, reply)
	w.wake()
}

// judgedError logs a verdict on an ICMP error. The error belongs to the stream of the packet that it
// quotes. w.mu is held.
func (w *witness) judgedError(host string, v nft.Verdict) {
	for key, j := range w.streams {
		if key.protocol != v.Packet.QuotedProtocol || key.source != v.Packet.Destination {
			continue
		}
		seq, quoted := j.quoted(host, v.Packet.QuotedTag)
		if !quoted {
			continue
		}
		event := eventOf(host, v)
		event.Stream, event.Seq, event.Reply = j.Start.Stream, seq, true
		w.log.Append(event)
		if !v.Accepted {
			j.stream.Dropped(seq)
		}
		w.wake()
		return
	}
	w.logUnattributed(host, v)
}

// logUnattributed logs a verdict on a packet of no stream. w.mu is held.
func (w *witness) logUnattributed(host string, v nft.Verdict) {
	w.log.Append(eventOf(host, v))
	if w.unattributed != nil {
		w.unattributed(host, v)
	}
}

func eventOf(host string, v nft.Verdict) timeline.Judged {
	return timeline.Judged{
		Host: host, Direction: v.Direction, State: v.State, Accepted: v.Accepted,
		By: v.By, Packet: v.Packet,
	}
}

// belongs reports whether an entry belongs to a stream.
func (w *witness) belongs(k packet.Key, stream string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := streamKey{protocol: k.Protocol, source: k.Source, target: k.Destination, sourcePort: k.SourcePort, port: k.DestinationPort}
	if k.Protocol == packet.ICMP || k.Protocol == packet.ICMPv6 {
		key.sourcePort = k.ICMPID
	}
	j := w.streams[key]
	if j == nil {
		j = w.streams[key.reversed()]
	}
	return j != nil && j.Start.Stream == stream
}

// changedEntry handles a conntrack event of one host.
func (w *witness) changedEntry(host string, e conntrack.Event) {
	w.log.Append(timeline.EntryChanged{Host: host, Change: e.Change, Entry: e.Entry, Kernel: e.Kernel})
	w.mu.Lock()
	defer w.mu.Unlock()
	alive := w.index(host).alive
	switch e.Change {
	case flow.New, flow.Update:
		alive[e.Entry.Orig] = e.Entry.ID
	case flow.Destroy:
		if alive[e.Entry.Orig] == e.Entry.ID {
			delete(alive, e.Entry.Orig)
		}
	}
	w.wake()
}

// missed records that reports on a host were lost.
func (w *witness) missed(host string, what timeline.Evidence, n int) {
	w.log.Append(timeline.Missed{Host: host, What: what, Count: n})
	w.mu.Lock()
	defer w.mu.Unlock()
	if what == timeline.MissedEvents {
		w.index(host).missed = true
	}
}

// entries returns the keys of the host's entries, in a stable order, and whether the list is
// complete.
func (w *witness) entries(host string) (keys []packet.Key, complete bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys = slices.SortedFunc(maps.Keys(w.index(host).alive), packet.Key.Compare)
	return keys, !w.index(host).missed
}

// unreported waits until the kernel has reported all these entries, and returns those that it has
// not reported.
func (w *witness) unreported(ctx context.Context, host string, entries []flow.Entry) (untold []flow.Entry) {
	w.await(ctx, func() bool {
		untold = slices.DeleteFunc(slices.Clone(entries), func(e flow.Entry) bool {
			return w.index(host).alive[e.Orig] == e.ID
		})
		return len(untold) == 0
	})
	return untold
}

// index returns the host's index. w.mu is held.
func (w *witness) index(host string) *entryIndex {
	if w.indexes[host] == nil {
		w.indexes[host] = &entryIndex{alive: map[packet.Key]uint32{}}
	}
	return w.indexes[host]
}

// catchUp waits until the kernel has reported the final verdict on every packet whose fate the
// sender knows. Whatever is missing after a second is not waited for again.
func (w *witness) catchUp(ctx context.Context) {
	told := w.await(ctx, func() bool {
		for _, j := range w.streams {
			if !j.reported() {
				return false
			}
		}
		return true
	})
	if told {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.streams {
		j.giveUp()
	}
}

// await waits until done returns true, for about a second at most. It counts steps, so time in
// which this process was stopped does not count.
func (w *witness) await(ctx context.Context, done func() bool) bool {
	const step = 10 * time.Millisecond
	for patience := ns.Patient(time.Second, step); ; {
		w.mu.Lock()
		ok, changed := done(), w.changed
		w.mu.Unlock()
		if ok || patience.Over() {
			return ok
		}
		select {
		case <-changed:
		case <-patience.Step():
			patience.Spend()
		case <-ctx.Done():
			return false
		}
	}
}

// wake wakes all waiters. w.mu is held.
func (w *witness) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}
