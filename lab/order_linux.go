package lab

import (
	"net/netip"
	"slices"

	"lablab/flow"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/packet"
)

// An order records what the kernel reports in an order in which it can have happened. Each host has
// a socket for verdicts and another for conntrack events, and they are read one after the other, so
// an effect may be read before its cause. A packet arrives after it left, and an entry changes after
// the verdicts on the packets before.
type order struct {
	queues   []*queue
	senders  map[netip.Addr]string // hosts, by their addresses
	links    map[[6]byte]string    // hosts, by the link-layer addresses of their interfaces
	departed map[departure]int     // packets that have left a host and not arrived yet
	before   func(packet.Header) packet.Header
	judged   func(host string, v nft.Verdict)
	changed  func(host string, e conntrack.Event)
}

// A departure is a packet that has left a host, as it was before any host replaced its addresses.
type departure struct {
	host   string
	packet packet.Header
}

// A queue has what was read about one host and not recorded yet.
type queue struct {
	host     string
	readings []reading
	events   []conntrack.Event   // read in this round, before the verdicts
	passed   map[packet.Key]bool // forwarded flows whose first packet was recorded, but not its entry
}

// A reading is a verdict or, if there is one, an event.
type reading struct {
	verdict nft.Verdict
	event   *conntrack.Event
	late    bool // it was read in an earlier round
}

func newOrder(hosts []*Host, r *recorder) *order {
	o := &order{
		senders: map[netip.Addr]string{}, links: map[[6]byte]string{}, departed: map[departure]int{},
		before: r.before, judged: r.judged, changed: r.changedEntry,
	}
	networks := (&Lab{hosts: hosts}).networks()
	for _, h := range hosts {
		o.queues = append(o.queues, &queue{host: h.Name, passed: map[packet.Key]bool{}})
		for _, p := range h.ports(networks) {
			o.senders[p.address.Addr()] = h.Name
			o.links[[6]byte(p.mac())] = h.Name
		}
	}
	return o
}

// verdict takes a verdict.
func (q *queue) verdict(v nft.Verdict) { q.readings = append(q.readings, reading{verdict: v}) }

// event takes an event. In each round the events are read before the verdicts and queued behind
// them: so the verdicts on the packets that caused an event are before it.
func (q *queue) event(e conntrack.Event) { q.events = append(q.events, e) }

// rounded records what can be recorded when all hosts have been read. It returns whether anything
// has to wait for the next round. Nothing waits longer: its cause would have been read by then, so
// it was lost.
func (o *order) rounded() (waiting bool) {
	for _, q := range o.queues {
		q.merge()
	}
	for o.recordOne(o.ready) || o.recordOne(reading.isLate) {
	}
	for _, q := range o.queues {
		for i := range q.readings {
			q.readings[i].late = true
		}
		waiting = waiting || len(q.readings) > 0
	}
	return waiting
}

// merge puts the events that were read behind the verdicts.
func (q *queue) merge() {
	for _, e := range q.events {
		q.readings = slices.Insert(q.readings, q.place(e), reading{event: &e})
	}
	q.events = nil
}

// place returns where an event belongs: at the end or, if it tells how the host replaces addresses,
// right behind the packet that created the entry, which may have been recorded already. What waits
// for that comes later, and may be a reply at this host.
func (q *queue) place(e conntrack.Event) int {
	if e.Change != flow.New || !e.Entry.Translated() {
		return len(q.readings)
	}
	if q.passed[e.Entry.Orig] {
		return 0
	}
	at := 0
	for i, r := range slices.Backward(q.readings) {
		if r.event != nil && r.event.Entry.Orig == e.Entry.Orig { // an older entry of the flow
			return max(at, i+1)
		}
		if r.event == nil && r.verdict.Packet.Key() == e.Entry.Orig && passes(r.verdict) {
			at = i + 1
		}
	}
	return at
}

// passes reports whether a host forwards a packet that creates an entry, unless there is one.
func passes(v nft.Verdict) bool {
	return v.Forwarded && v.Direction == packet.Egress && v.State == packet.New && v.Accepted
}

// recordOne records the first reading of a queue for which may holds, if there is one.
func (o *order) recordOne(may func(reading) bool) bool {
	for _, q := range o.queues {
		if len(q.readings) > 0 && may(q.readings[0]) {
			o.record(q, q.readings[0])
			q.readings = q.readings[1:]
			return true
		}
	}
	return false
}

// ready reports whether the cause of r has been recorded, or none can be read.
func (o *order) ready(r reading) bool {
	if r.event != nil || r.verdict.Direction == packet.Egress {
		return true
	}
	from := o.arrival(r.verdict)
	return from.host == "" || o.departed[from] > 0
}

// arrival returns where and how a packet left before it arrived. The host is the one before, if it
// is known, or else the owner of the packet's source.
func (o *order) arrival(v nft.Verdict) departure {
	host, known := o.links[v.Neighbour]
	if !known {
		host = o.senders[v.Packet.Source]
	}
	return departure{host, o.before(v.Packet)}
}

func (r reading) isLate() bool { return r.late }

func (o *order) record(q *queue, r reading) {
	const most = 10_000 // packets that may have left without arriving
	v := r.verdict
	if r.event != nil {
		delete(q.passed, r.event.Entry.Orig)
		o.changed(q.host, *r.event)
		return
	}
	if passes(v) {
		if len(q.passed) >= most {
			clear(q.passed)
		}
		q.passed[v.Packet.Key()] = true
	}
	if v.Direction == packet.Ingress {
		from := o.arrival(v)
		if o.departed[from]--; o.departed[from] <= 0 {
			delete(o.departed, from)
		}
	} else if v.Accepted {
		if len(o.departed) >= most {
			clear(o.departed)
		}
		o.departed[departure{q.host, o.before(v.Packet)}]++
	}
	o.judged(q.host, v)
}
