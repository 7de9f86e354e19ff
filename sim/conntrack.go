package sim

import (
	"maps"
	"slices"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// This file follows net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_icmp.c and
// nf_conntrack_proto_udp.c.

// A table is the conntrack table of a host.
type table struct {
	*clock
	*sg.Timeouts // of all hosts
	log          *timeline.Log
	host         string
	byKey        map[packet.Key]*entry // confirmed entries, by the keys of both directions
	last         uint32                // id of the last entry
	reap         *timer                // when the next entry may expire
	// natted is whether the host may replace addresses. Then every entry says that this is settled.
	natted bool
	// loose is whether TCP connections are picked up mid-stream.
	loose bool
}

// An entry is a flow that conntrack knows.
type entry struct {
	id          uint32
	orig, reply packet.Key
	origin      packet.Key // the flow's key at its stream's sender
	mark        packet.Mark
	sent, got   flow.Count
	timeout     time.Duration // from its last packet on
	expires     time.Duration // once it is confirmed

	seenReply, assured, confirmed, dying bool

	began time.Duration // for UDP
	tcp   tcpTrack
	// changed is whether conntrack has something to report; tcpChanged, whether that is the state of
	// TCP.
	changed, tcpChanged bool
}

// translated reports whether the host replaces addresses of the flow.
func (e *entry) translated() bool { return e.reply != e.orig.Reversed() }

// track finds the entry of a packet that has come to the host or begins there, or makes one, and
// thereby the packet's state.
func (t *table) track(p *datagram) {
	p.entry, p.back, p.state, p.mark = nil, false, packet.Invalid, 0
	if p.IsError() {
		t.relate(p)
		return
	}
	for again := true; again; {
		var valid bool
		if valid, again = t.follow(p); !valid && !again {
			p.entry, p.back, p.state = nil, false, packet.Invalid
		}
	}
}

// follow takes the packet for one of a flow. It returns false if it cannot be one, or if its entry
// was deleted and it has to be looked up again.
func (t *table) follow(p *datagram) (valid, again bool) {
	e := t.byKey[p.Key()]
	if e == nil {
		if e = t.begin(p); e == nil {
			return false, false
		}
	}
	p.entry, p.back, p.state = e, e.confirmed && p.Key() != e.orig, packet.New
	if p.back || e.seenReply {
		p.state = packet.Established
	}
	switch p.Protocol {
	case packet.TCP:
		valid, again = t.tcp(p)
	case packet.UDP:
		valid = true
		t.udp(p)
	default:
		valid = true
		t.refresh(p, t.ICMP)
	}
	if valid && p.back && !e.seenReply {
		e.seenReply, e.changed = true, true
	}
	return valid, again
}

// begin returns an entry for a packet that may be the first of a flow, or nil.
func (t *table) begin(p *datagram) *entry {
	key := p.Key()
	e := &entry{orig: key, reply: key.Reversed(), began: t.now}
	if p.stream != nil {
		e.origin = p.stream.key
	}
	switch p.Protocol {
	case packet.TCP:
		if !t.mayBegin(p, e) {
			return nil
		}
	case packet.ICMP, packet.ICMPv6:
		if p.ICMPType != echoRequest && p.ICMPType != echoRequestV6 {
			return nil
		}
	}
	return e
}

// udp makes a flow a stream once it has lasted two seconds in both directions.
func (t *table) udp(p *datagram) {
	const young = 2 * time.Second
	e := p.entry
	if !e.seenReply || t.now <= e.began+young {
		t.refresh(p, t.UDP)
		return
	}
	t.refresh(p, t.UDPStream)
	if !e.assured {
		e.assured, e.changed = true, true
	}
}

// relate finds the flow that an ICMP error is about.
func (t *table) relate(p *datagram) {
	about := p.quoted.Reversed()
	e := t.byKey[about]
	if e == nil || about.Destination != p.Destination {
		return
	}
	p.entry, p.state, p.back = e, packet.Related, about != e.orig
}

// count counts a packet of a flow.
func (t *table) count(p *datagram) {
	count := &p.entry.sent
	if p.back {
		count = &p.entry.got
	}
	count.Packets++
	count.Bytes += uint64(p.size)
}

// refresh counts a packet of a flow, and makes the entry last for some time from now on.
func (t *table) refresh(p *datagram, timeout time.Duration) {
	t.count(p)
	e := p.entry
	e.timeout = max(timeout.Truncate(time.Second), time.Second)
	if e.confirmed {
		e.expires = t.now + e.timeout
		t.await(e)
	}
}

// confirm adds the entry of a packet that may leave the host or reach its programs, and reports what
// has changed. It returns false if another flow has taken the entry's keys: then the packet is lost.
func (t *table) confirm(p *datagram) bool {
	e := p.entry
	if e == nil || p.state == packet.Related || e.dying {
		return true
	}
	if e.confirmed {
		if e.changed {
			t.report(e, flow.Update)
		}
		return true
	}
	if t.byKey[e.orig] != nil || t.byKey[e.reply] != nil {
		return false
	}
	t.last++
	e.id, e.confirmed, e.expires = t.last, true, t.now+e.timeout
	t.byKey[e.orig], t.byKey[e.reply] = e, e
	t.await(e)
	e.tcpChanged = true
	t.report(e, flow.New)
	return true
}

// report records a change of an entry. Only the end of an entry comes with its counters.
func (t *table) report(e *entry, change flow.Change) {
	shown := t.shown(e)
	if change != flow.Destroy {
		shown.Sent, shown.Got = flow.Count{}, flow.Count{}
		if !e.tcpChanged {
			shown.TCP = ""
		}
	}
	e.changed, e.tcpChanged = false, false
	t.log.Append(timeline.EntryChanged{Host: t.host, Change: change, Entry: shown})
}

// kill deletes an entry.
func (t *table) kill(e *entry) {
	if !e.confirmed || e.dying {
		return
	}
	e.dying = true
	delete(t.byKey, e.orig)
	delete(t.byKey, e.reply)
	t.report(e, flow.Destroy)
}

// await makes sure that the entry ends when it expires.
func (t *table) await(e *entry) {
	if t.reap != nil && t.reap.do != nil && t.reap.at <= e.expires {
		return
	}
	t.reap.cancel()
	t.reap = t.after(e.expires-t.now, t.expire)
}

// expire ends the entries that have expired.
func (t *table) expire() {
	t.reap = nil
	for _, e := range t.entries() {
		if e.expires <= t.now {
			t.kill(e)
		} else {
			t.await(e)
		}
	}
}

// entries returns the confirmed entries in a stable order.
func (t *table) entries() []*entry {
	var list []*entry
	for _, k := range slices.SortedFunc(maps.Keys(t.byKey), packet.Key.Compare) {
		if e := t.byKey[k]; k == e.orig {
			list = append(list, e)
		}
	}
	return list
}

// shown returns an entry as a timeline has it.
func (t *table) shown(e *entry) flow.Entry {
	f := flow.Entry{
		ID: e.id, Orig: e.orig, Reply: e.reply, Timeout: max(e.expires-t.now, 0).Truncate(time.Second),
		Mark: e.mark.Admitted(), Untracked: e.mark == packet.UntrackedMark, Released: e.mark.Released(), Blocked: e.mark.Blocked(), Sent: e.sent, Got: e.got,
	}
	for _, s := range []struct {
		name string
		set  bool
	}{
		{flow.SeenReply, e.seenReply}, {"ASSURED", e.assured}, {"CONFIRMED", e.confirmed}, {"SRC_NAT", e.translated()},
		{"SRC_NAT_DONE", t.natted}, {"DST_NAT_DONE", t.natted}, {"DYING", e.dying},
	} {
		if s.set {
			f.Status = append(f.Status, s.name)
		}
	}
	if e.orig.Protocol == packet.TCP {
		f.TCP = e.tcp.state.String()
	}
	return f
}
