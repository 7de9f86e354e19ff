package lab

import (
	"net/netip"

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
	senders  map[netip.Addr]bool
	departed map[packet.Header]int // packets that have left a host and not arrived yet
	judged   func(host string, v nft.Verdict)
	changed  func(host string, e conntrack.Event)
}

// A queue has what was read about one host and not recorded yet.
type queue struct {
	host     string
	readings []reading
	events   []conntrack.Event // read in this round, before the verdicts
}

// A reading is a verdict or, if there is one, an event.
type reading struct {
	verdict nft.Verdict
	event   *conntrack.Event
	late    bool // it was read in an earlier round
}

func newOrder(hosts []*Host, r *recorder) *order {
	o := &order{senders: map[netip.Addr]bool{}, departed: map[packet.Header]int{}, judged: r.judged, changed: r.changedEntry}
	for _, h := range hosts {
		o.queues = append(o.queues, &queue{host: h.Name})
		o.senders[h.Address.Addr()] = true
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
		for _, e := range q.events {
			q.readings = append(q.readings, reading{event: &e})
		}
		q.events = nil
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

// recordOne records the first reading of a queue for which may holds, if there is one.
func (o *order) recordOne(may func(reading) bool) bool {
	for _, q := range o.queues {
		if len(q.readings) > 0 && may(q.readings[0]) {
			o.record(q.host, q.readings[0])
			q.readings = q.readings[1:]
			return true
		}
	}
	return false
}

// ready reports whether the cause of r has been recorded, or none can be read.
func (o *order) ready(r reading) bool {
	v := r.verdict
	return r.event != nil || v.Direction == packet.Egress || !o.senders[v.Packet.Source] || o.departed[v.Packet] > 0
}

func (r reading) isLate() bool { return r.late }

func (o *order) record(host string, r reading) {
	const most = 10_000 // packets that may have left without arriving
	v := r.verdict
	switch {
	case r.event != nil:
		o.changed(host, *r.event)
		return
	case v.Direction == packet.Ingress && o.departed[v.Packet] > 1:
		o.departed[v.Packet]--
	case v.Direction == packet.Ingress:
		delete(o.departed, v.Packet)
	case v.Accepted:
		if len(o.departed) >= most {
			clear(o.departed)
		}
		o.departed[v.Packet]++
	}
	o.judged(host, v)
}
