package lab

import (
	"context"
	"maps"
	"net/netip"
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

// A recorder turns the kernel's reports into the timeline, and tracks how complete they are.
type recorder struct {
	log *timeline.Log

	mu           sync.Mutex
	streams      map[streamKey]*journeys
	indexes      map[string]*entryIndex // by host
	translations flow.Translations
	unattributed func(host string, v nft.Verdict)
	forged       *forgery      // on its way, or nil
	changed      chan struct{} // closed whenever any of these changes
}

// An entryIndex holds the conntrack entries of a host, as reported by events.
type entryIndex struct {
	alive map[packet.Key]uint32 // id
	ended map[uint32]bool       // ids of the entries that ended during the audit; nil before
	// Messages lost so far. Once events were lost, the index may be wrong.
	lost map[timeline.Evidence]int
}

func newRecorder(log *timeline.Log) *recorder {
	return &recorder{log: log, streams: map[streamKey]*journeys{}, indexes: map[string]*entryIndex{}, changed: make(chan struct{})}
}

// start starts a stream such that none of its verdicts arrives before the stream is known.
func (r *recorder) start(key streamKey, a scenario.Start, begin func() (*pinger.Stream, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	stream, err := begin()
	if err != nil {
		return err
	}
	r.streams[key] = newJourneys(a, stream)
	return nil
}

// knows reports whether there was ever a stream with that key.
func (r *recorder) knows(key streamKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[key] != nil
}

// judged logs a verdict of the kernel at one host, with the packet of a stream that it is about.
func (r *recorder) judged(host string, v nft.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.Packet.IsError() {
		r.judgedError(host, v)
		return
	}
	if r.isForged(host, v) {
		r.log.Append(eventOf(host, v))
		return
	}
	key, reply := keyOf(translated(v.Packet, &r.translations))
	j := r.streams[key]
	if j == nil {
		j, reply = r.streams[key.reversed()], true
	}
	if j == nil {
		r.logUnattributed(host, v)
		return
	}
	part, known := j.part(host, v, reply)
	if !known { // the verdict that would explain it was lost
		r.logUnattributed(host, v)
		return
	}
	event := eventOf(host, v)
	event.Stream, event.Seq, event.Last, event.Reply = j.Start.Stream, part.first, part.last, reply
	if event.Last <= event.Seq {
		event.Last = 0
	}
	if end := map[bool]string{false: j.To, true: j.From}[reply]; v.Direction == packet.Ingress && host != end {
		event.Forwarded = true // it was to be, whatever became of its address
	}
	r.log.Append(event)
	j.judge(host, v, part, reply)
	r.wake()
}

// judgedError logs a verdict on an ICMP error. The error belongs to the stream of the packet that it
// quotes. r.mu is held.
func (r *recorder) judgedError(host string, v nft.Verdict) {
	for key, j := range r.streams {
		if key.protocol != v.Packet.QuotedProtocol || key.source != v.Packet.Destination && !slices.Contains(j.masks, v.Packet.Destination) {
			continue
		}
		seq, quoted := j.quoted(host, v.Packet.QuotedTag)
		if !quoted {
			continue
		}
		event := eventOf(host, v)
		event.Stream, event.Seq, event.Reply = j.Start.Stream, seq, true
		r.log.Append(event)
		if !v.Accepted {
			j.stream.Dropped(seq)
		}
		r.wake()
		return
	}
	r.logUnattributed(host, v)
}

// logUnattributed logs a verdict on a packet of no stream. r.mu is held.
func (r *recorder) logUnattributed(host string, v nft.Verdict) {
	r.log.Append(eventOf(host, v))
	if r.unattributed != nil {
		r.unattributed(host, v)
	}
}

func eventOf(host string, v nft.Verdict) timeline.Judged {
	return timeline.Judged{
		Host: host, Direction: v.Direction, Forwarded: v.Forwarded, State: v.State, Accepted: v.Accepted,
		By: v.By, Packet: v.Packet,
	}
}

// belongs reports whether an entry belongs to a stream.
func (r *recorder) belongs(k packet.Key, stream string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.of(k)
	return j != nil && j.Start.Stream == stream
}

// of returns the stream that an entry belongs to, or nil. r.mu is held.
func (r *recorder) of(k packet.Key) *journeys {
	k = r.translations.Before(k)
	key := streamKey{protocol: k.Protocol, source: k.Source, target: k.Destination, sourcePort: k.SourcePort, port: k.DestinationPort}
	if k.Protocol == packet.ICMP || k.Protocol == packet.ICMPv6 {
		key.sourcePort = k.ICMPID
	}
	if j := r.streams[key]; j != nil {
		return j
	}
	return r.streams[key.reversed()]
}

// before returns a packet as it was before any host replaced its addresses. Of an ICMP error, only
// what it quotes is known; so it has no destination.
func (r *recorder) before(h packet.Header) packet.Header {
	if h.IsError() {
		h.Destination = netip.Addr{}
		return h
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return translated(h, &r.translations)
}

func translated(h packet.Header, known *flow.Translations) packet.Header {
	k := known.Before(h.Key())
	h.Source, h.Destination, h.SourcePort, h.DestinationPort = k.Source, k.Destination, k.SourcePort, k.DestinationPort
	h.EchoID = k.ICMPID
	return h
}

// changedEntry handles a conntrack event of one host.
func (r *recorder) changedEntry(host string, e conntrack.Event) {
	r.log.Append(timeline.EntryChanged{Host: host, Change: e.Change, Entry: e.Entry, Kernel: e.Kernel})
	r.mu.Lock()
	defer r.mu.Unlock()
	alive := r.index(host).alive
	if e.Change != flow.Destroy && r.translations.Add(e.Entry) {
		if j := r.of(e.Entry.Orig); j != nil && !slices.Contains(j.masks, e.Entry.Reply.Destination) {
			j.masks = append(j.masks, e.Entry.Reply.Destination)
		}
	}
	switch e.Change {
	case flow.New, flow.Update:
		alive[e.Entry.Orig] = e.Entry.ID
	case flow.Destroy:
		if alive[e.Entry.Orig] == e.Entry.ID {
			delete(alive, e.Entry.Orig)
		}
		if ended := r.index(host).ended; ended != nil {
			ended[e.Entry.ID] = true
		}
	}
	r.wake()
}

// missed records that reports on a host were lost.
func (r *recorder) missed(host string, what timeline.Evidence, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.index(host).lost
	lost[what] += n
	r.log.Append(timeline.Missed{Host: host, What: what, Count: n, Total: lost[what]})
}

// entries returns the ids of the host's entries, and whether they are complete.
func (r *recorder) entries(host string) (reported map[packet.Key]uint32, complete bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.index(host).alive), r.index(host).lost[timeline.MissedEvents] == 0
}

// beginAudit notes which entries of a host end from now on. One that is listed may have ended before
// the list is compared.
func (r *recorder) beginAudit(host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.index(host).ended = map[uint32]bool{}
}

// unreported waits until the kernel has reported all these entries, which were listed during the
// audit, and returns those that it has not reported.
func (r *recorder) unreported(ctx context.Context, host string, entries []flow.Entry) (missing []flow.Entry) {
	r.await(ctx, func() bool {
		missing = slices.DeleteFunc(slices.Clone(entries), func(e flow.Entry) bool {
			index := r.index(host)
			return index.alive[e.Orig] == e.ID || index.ended[e.ID]
		})
		return len(missing) == 0
	})
	return missing
}

// index returns the host's index. r.mu is held.
func (r *recorder) index(host string) *entryIndex {
	if r.indexes[host] == nil {
		r.indexes[host] = &entryIndex{alive: map[packet.Key]uint32{}, lost: map[timeline.Evidence]int{}}
	}
	return r.indexes[host]
}

// catchUp waits until the kernel has reported the final verdict on every packet whose fate the
// sender knows. Whatever is missing after a second is not waited for again.
func (r *recorder) catchUp(ctx context.Context) {
	complete := r.await(ctx, func() bool {
		for _, j := range r.streams {
			if !j.reported() {
				return false
			}
		}
		return true
	})
	if complete {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.streams {
		j.giveUp()
	}
}

// await waits until done returns true, for about a second at most. It counts steps, so time in
// which this process was stopped does not count.
func (r *recorder) await(ctx context.Context, done func() bool) bool {
	const step = 10 * time.Millisecond
	for patience := ns.Patient(time.Second, step); ; {
		r.mu.Lock()
		ok, changed := done(), r.changed
		r.mu.Unlock()
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

// wake wakes all waiters. r.mu is held.
func (r *recorder) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}
