package lab

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"lablab/flow"
	"lablab/nft"
	"lablab/pinger"
	"lablab/sg"
	"lablab/timeline"
)

// Types of ICMP that a stream consists of (RFC 792, RFC 4443).
const (
	echoReply     = 0
	echoRequest   = 8
	echoRequestV6 = 128
	echoReplyV6   = 129
)

// A witness turns what the kernel tells into the timeline, and knows how far
// the telling has come.
type witness struct {
	log *timeline.Log

	mu       sync.Mutex
	streams  map[uint16]*journeys // by echo id
	ledgers  map[string]*ledger   // by host
	stranger func(host string, v nft.Verdict)
	changed  chan struct{} // closed whenever any of these changes
}

// Journeys are the packets of one stream on their way there and back.
type journeys struct {
	name     string
	from     string // host
	stream   *pinger.Stream
	unsent   int          // packets that the sender's own rules dropped, so far
	finished map[int]bool // by sequence number: the last verdict about it was seen
}

// A ledger is the conntrack entries of a host, as events tell of them.
type ledger struct {
	alive  map[flow.Key]uint32 // id
	missed bool                // events were lost, so the ledger may be wrong
}

func newWitness(log *timeline.Log) *witness {
	return &witness{log: log, streams: map[uint16]*journeys{}, ledgers: map[string]*ledger{}, changed: make(chan struct{})}
}

// start begins a stream in such a way that no verdict about it comes too early.
func (w *witness) start(id uint16, name, from string, begin func() (*pinger.Stream, error)) (*pinger.Stream, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stream, err := begin()
	if err != nil {
		return nil, err
	}
	w.streams[id] = &journeys{name: name, from: from, stream: stream, finished: map[int]bool{}}
	return stream, nil
}

// judged takes a verdict of the kernel at one host.
func (w *witness) judged(host string, v nft.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	event := timeline.Judged{
		Host: host, Direction: v.Direction, State: v.State, Accepted: v.Accepted,
		Rule: v.By.ID, Number: v.By.Number, Packet: v.Packet.String(),
	}
	j := w.streams[v.Packet.EchoID]
	reply := isEcho(v.Packet, echoReply, echoReplyV6)
	if j == nil || !reply && !isEcho(v.Packet, echoRequest, echoRequestV6) {
		w.log.Append(event)
		if w.stranger != nil {
			w.stranger(host, v)
		}
		return
	}
	var seq int
	if host == j.from && v.Direction == sg.Egress && !reply && !v.Accepted {
		seq = j.stream.Failed(j.unsent)
		j.unsent++
	} else {
		seq = j.stream.Seq(v.Packet.EchoSeq)
	}
	event.Stream, event.Seq, event.Reply = j.name, seq, reply
	w.log.Append(event)
	if !v.Accepted {
		j.stream.Dropped(seq)
	}
	if !v.Accepted || reply && host == j.from && v.Direction == sg.Ingress {
		j.finished[seq] = true
		w.wake()
	}
}

// changedEntry takes a conntrack event of one host.
func (w *witness) changedEntry(host string, e flow.Event) {
	w.log.Append(timeline.EntryChanged{Host: host, Change: e.Change, Entry: e.Entry, Kernel: e.Kernel})
	w.mu.Lock()
	defer w.mu.Unlock()
	alive := w.ledger(host).alive
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

// missed confesses that the kernel told more about a host than was heard.
func (w *witness) missed(host, what string) {
	w.log.Append(timeline.Missed{Host: host, What: what})
	w.mu.Lock()
	defer w.mu.Unlock()
	if what == timeline.MissedEvents {
		w.ledger(host).missed = true
	}
}

// entries are the keys of the host's entries, in an order that lasts, and
// whether they are all.
func (w *witness) entries(host string) (keys []flow.Key, complete bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys = slices.SortedFunc(maps.Keys(w.ledger(host).alive), flow.Compare)
	return keys, !w.ledger(host).missed
}

// strange waits until the kernel has told of all these entries, and returns
// those that it has not.
func (w *witness) strange(ctx context.Context, host string, entries []flow.Entry) (untold []flow.Entry) {
	w.await(ctx, func() bool {
		untold = slices.DeleteFunc(slices.Clone(entries), func(e flow.Entry) bool {
			return w.ledger(host).alive[e.Orig] == e.ID
		})
		return len(untold) == 0
	})
	return untold
}

// ledger is the host's. w.mu is held.
func (w *witness) ledger(host string) *ledger {
	if w.ledgers[host] == nil {
		w.ledgers[host] = &ledger{alive: map[flow.Key]uint32{}}
	}
	return w.ledgers[host]
}

// notSent notes a packet that could not be sent for a reason that is no rule's.
func (w *witness) notSent(id uint16, seq int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j := w.streams[id]; j != nil {
		j.finished[seq] = true
		w.wake()
	}
}

// catchUp waits until the kernel has told the end of the journey of every
// packet sent so far. What it has not told within a second is not waited for again.
func (w *witness) catchUp(ctx context.Context) {
	told := w.await(ctx, func() bool {
		for _, j := range w.streams {
			if len(j.finished) < j.stream.Len() {
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
		for seq := range j.stream.Len() {
			j.finished[seq+1] = true
		}
	}
}

// await waits until done is true, about a second at most. It counts in steps, so
// that time in which this process was stopped does not count.
func (w *witness) await(ctx context.Context, done func() bool) bool {
	const step = 10 * time.Millisecond
	for patience := time.Second; ; {
		w.mu.Lock()
		ok, changed := done(), w.changed
		w.mu.Unlock()
		if ok || patience <= 0 {
			return ok
		}
		select {
		case <-changed:
		case <-time.After(step):
			patience -= step
		case <-ctx.Done():
			return false
		}
	}
}

// wake tells everybody who waits. w.mu is held.
func (w *witness) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func isEcho(p nft.Packet, v4, v6 uint8) bool {
	return p.Protocol == sg.ICMP && p.ICMPType == v4 || p.Protocol == sg.ICMPv6 && p.ICMPType == v6
}
