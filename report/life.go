package report

import (
	"cmp"
	"slices"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/timeline"
)

// A when is a place in the timeline.
type when struct {
	seq        uint64 // number of the event, as counted by the reader
	at         time.Duration
	experiment int
}

// happened reports whether there is such a place.
func (w when) happened() bool { return w.seq > 0 }

// A life is one conntrack entry of one host, from the packet that created it to its end.
type life struct {
	host        string
	id          uint32
	orig, reply packet.Key
	// creator is the verdict on the packet that created the entry; not set if it was not seen.
	creator creation
	born    when // when it was created, or first known
	known   when // when it was first reported
	replied when // when it first saw a reply, if ever
	dead    when // when it was reported destroyed, or found to be gone
	// admissions are the rules in its mark, one after the other: until there is a reply, each packet
	// of the flow is accepted by a rule again.
	admissions []admission

	cut     when // when lablab deleted it, and why
	cutWhy  timeline.CutReason
	touched time.Duration // when it last carried a packet, as far as is known
	timeout time.Duration // how long it lasts without a packet; 0 if unknown
	closing bool          // TCP: the connection was being closed
}

// A creation is a packet that was NEW and accepted: it creates an entry unless there is one.
type creation struct {
	when
	stream    string // empty if the packet belongs to no stream
	packet    int    // its number in the stream; 0 if it carries no message
	answer    bool   // whether it is a reply to the packet with that number
	direction packet.Direction
	by        packet.By
}

// An admission is the number of the rule that admitted an entry, from then on.
type admission struct {
	when
	number uint32
}

// end returns why the entry is gone, or nothing while it lives.
func (l *life) end() claims.Ending {
	switch {
	case l.cutWhy == timeline.CutUntracked:
		return claims.Untracked
	case l.cutWhy != "":
		return claims.Asked
	case !l.dead.happened():
		return ""
	case l.closing:
		return claims.Closing
	case l.timeout == 0:
		return claims.Unknown
	case l.dead.at-l.touched >= l.timeout:
		return claims.TimedOut
	}
	return claims.Deleted
}

// ref identifies the entry in claims.
func (l *life) ref() claims.Entry {
	return claims.Entry{Host: l.host, ID: l.id, Reported: l.known.seq, Creator: l.creator.seq}
}

// gone returns when the entry ended: when lablab deleted it, or when that was reported.
func (l *life) gone() when {
	if l.cut.happened() {
		return l.cut
	}
	return l.dead
}

// admittedBy returns the number of the rule in the entry's mark at some time.
func (l *life) admittedBy(seq uint64) uint32 {
	number := uint32(0)
	for i, a := range l.admissions {
		if i == 0 || a.seq <= seq {
			number = a.number
		}
	}
	return number
}

// lives are the entries of all hosts, by the flows that they are about.
type lives struct {
	flows map[flowAt]*flowLives
	alive map[entryID]*life
	lossy map[string]when // since when entries may have come and gone unseen, by host
	// others are the flows without a stream, oldest first. Of those without an entry only the latest
	// are kept.
	others []flowAt
	most   int // length at which to forget some
}

// An entryID identifies a living entry.
type entryID struct {
	host string
	id   uint32
}

// flowLives are the entries that one flow has had at one host.
type flowLives struct {
	lives  []*life  // oldest first
	first  creation // the first packet that was NEW and accepted, and that no entry accounts for
	latest creation // the latest packet that was NEW and accepted
	stream bool     // whether a stream's packet was seen
}

func newLives() *lives {
	return &lives{flows: map[flowAt]*flowLives{}, alive: map[entryID]*life{}, lossy: map[string]when{}, most: 2 * othersKept}
}

// add takes the next event. The kernel reports verdicts and entries separately, so an entry may be
// reported shortly before or after the verdict on the packet that created it.
func (ls *lives) add(at when, body timeline.Body) {
	switch body := body.(type) {
	case timeline.Judged:
		ls.judged(at, body)
	case timeline.EntryChanged:
		ls.changed(at, body)
	case timeline.Cut:
		ls.wasCut(at, body)
	case timeline.Dumped:
		ls.dumped(at, body)
	case timeline.Missed:
		if _, known := ls.lossy[body.Host]; body.What == timeline.MissedEvents && !known {
			ls.lossy[body.Host] = at
		}
	}
}

func (ls *lives) judged(at when, v timeline.Judged) {
	created := v.State == packet.New && v.Accepted
	if v.State != packet.Established && v.State != packet.New || v.Packet.IsError() {
		return
	}
	key := flowAt{v.Host, canonical(v.Packet.Key())}
	f := ls.flows[key]
	if f == nil && !created {
		return
	}
	if f == nil {
		f = ls.flow(key)
	}
	f.stream = f.stream || v.Stream != ""
	entry := f.last()
	switch {
	case created:
		f.created(at, v, entry)
	case entry == nil:
	case entry.dead.happened() || f.first.happened(): // the packet belongs to the next entry, or ended this one
		entry.closing = entry.closing || !f.first.happened() && v.Packet.TCPFlags&packet.RST != 0
	default:
		entry.touch(at, v.State) // also by a packet that is dropped
		entry.closing = entry.closing || v.Packet.TCPFlags&packet.RST != 0
		if v.State == packet.Established && !entry.replied.happened() && !entry.sends(v.Packet.Key()) {
			entry.replied = at
		}
	}
}

// othersKept is how many flows are kept that have neither a stream nor an entry.
const othersKept = 10_000

// flow returns the entries of a flow, and forgets others.
func (ls *lives) flow(key flowAt) *flowLives {
	if f := ls.flows[key]; f != nil {
		return f
	}
	f := &flowLives{}
	ls.flows[key] = f
	ls.others = append(ls.others, key)
	if len(ls.others) < ls.most {
		return f
	}
	old, kept := ls.others[:len(ls.others)-othersKept], ls.others[len(ls.others)-othersKept:]
	ls.others = slices.Clone(kept)
	for _, key := range old {
		switch f := ls.flows[key]; {
		case f == nil || f.stream:
		case f.last() != nil && !f.last().dead.happened():
			ls.others = append(ls.others, key)
		default:
			delete(ls.flows, key)
		}
	}
	ls.most = len(ls.others) + othersKept
	return f
}

// created notes a packet that creates an entry unless there is one. entry is the flow's latest.
func (f *flowLives) created(at when, v timeline.Judged, entry *life) {
	c := creation{when: at, stream: v.Stream, packet: v.Seq, answer: v.Reply, direction: v.Direction, by: v.By}
	f.latest = c
	switch {
	case entry == nil || entry.gone().happened() || entry.replied.happened() && entry.creator.happened():
		if !f.first.happened() || at.at-f.first.at > patience {
			f.first = c
		}
	case !entry.creator.happened() && at.at-entry.born.at <= patience:
		entry.creator = c // the entry was reported before the verdict
		entry.touched = at.at
	default:
		entry.touch(at, v.State)
	}
}

// touch notes that the entry carried a packet, unless it had expired. A NEW packet does not belong
// to an entry that has seen a reply.
func (l *life) touch(at when, state packet.State) {
	expired := l.replied.happened() || l.timeout > 0 && at.at-l.touched > l.timeout+time.Second
	if state == packet.Established || !expired {
		l.touched = at.at
	}
}

func (ls *lives) changed(at when, e timeline.EntryChanged) {
	id := entryID{e.Host, e.Entry.ID}
	entry := ls.alive[id]
	if e.Entry.Untracked {
		ls.untracked(at, id)
		return
	}
	if entry == nil {
		if e.Change == flow.Destroy {
			return // it was there before the timeline begins
		}
		entry = ls.bear(at, e.Host, e.Entry, e.Change == flow.New)
	}
	if e.Change == flow.Destroy {
		entry.dead = at
		entry.closing = entry.closing || closing(e.Entry.TCP)
		delete(ls.alive, id)
		return
	}
	entry.update(at, e.Entry, ls.of(e.Host, e.Entry.Orig).latest)
	if e.Entry.Timeout > 0 {
		entry.timeout = e.Entry.Timeout
	}
}

// untracked takes that the flow of an entry is not tracked, or no longer: to the rules, the entry
// does not exist.
func (ls *lives) untracked(at when, id entryID) {
	entry := ls.alive[id]
	if entry == nil {
		return
	}
	if entry.dead = at; !entry.cut.happened() {
		entry.cut, entry.cutWhy = at, timeline.CutUntracked
	}
	delete(ls.alive, id)
}

// bear records a new entry, or one that is reported for the first time. Its creator is the first
// packet that may have created it.
func (ls *lives) bear(at when, host string, e flow.Entry, fresh bool) *life {
	const most = 100 // entries of a flow without a stream
	f := ls.flow(flowAt{host, canonical(e.Orig)})
	if len(f.lives) >= most && !f.stream {
		f.lives = slices.Delete(f.lives, 0, most/2)
	}
	entry := &life{host: host, id: e.ID, orig: e.Orig, reply: e.Reply, born: at, known: at, touched: at.at}
	last := f.last()
	creator := f.first
	if last != nil && !creator.happened() && f.latest.seq > last.creator.seq && f.latest.seq > last.born.seq {
		creator = f.latest // counted for the entry before, which was gone by then
	}
	if fresh && creator.happened() && at.at-creator.at <= patience {
		entry.creator, entry.born = creator, creator.when
	}
	if last != nil && !last.dead.happened() { // its end was not reported
		last.dead = entry.born
		delete(ls.alive, entryID{host, last.id})
	}
	f.first = creation{}
	f.lives = append(f.lives, entry)
	ls.alive[entryID{host, e.ID}] = entry
	return entry
}

// update takes what an event or a listing reports about an entry. latest is the latest packet of the
// flow that a rule accepted.
func (l *life) update(at when, e flow.Entry, latest creation) {
	if e.TCP != "" {
		l.closing = closing(e.TCP)
	}
	if !l.replied.happened() && slices.Contains(e.Status, flow.SeenReply) {
		l.replied = at
	}
	if n := len(l.admissions); n > 0 && l.admissions[n-1].number == e.Mark {
		return
	}
	switch {
	case len(l.admissions) == 0:
		at = l.born
	case latest.by.Number == e.Mark && at.at-latest.at <= patience:
		at = latest.when
	}
	l.admissions = append(l.admissions, admission{at, e.Mark})
}

// closing reports whether a TCP connection in that state is being closed.
func closing(tcp string) bool {
	return slices.Contains([]string{"FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"}, tcp)
}

// wasCut records that lablab deleted an entry. That the entry is gone may be reported before or
// after.
func (ls *lives) wasCut(at when, cut timeline.Cut) {
	f := ls.of(cut.Host, cut.Flow)
	if f == nil {
		return
	}
	for _, entry := range slices.Backward(f.lives) {
		if entry.cutWhy == "" && (!entry.dead.happened() || at.at-entry.dead.at <= patience) && canonical(entry.orig) == canonical(cut.Flow) {
			entry.cut, entry.cutWhy = at, cut.Why
			if entry.dead.happened() {
				entry.cut = entry.dead
			}
			return
		}
	}
}

// dumped takes a listing. Entries in it that no event has named existed before.
func (ls *lives) dumped(at when, body timeline.Dumped) {
	listed := map[uint32]bool{}
	for _, e := range body.Entries {
		listed[e.ID] = true
		if e.Untracked {
			ls.untracked(at, entryID{body.Host, e.ID})
			continue
		}
		entry := ls.alive[entryID{body.Host, e.ID}]
		if entry == nil {
			entry = ls.bear(at, body.Host, e, false)
		}
		entry.update(at, e, ls.of(body.Host, e.Orig).latest)
	}
	if _, lossy := ls.lossy[body.Host]; !lossy {
		return
	}
	for id, entry := range ls.alive {
		if id.host == body.Host && !listed[id.id] {
			entry.dead, entry.timeout = at, 0
			delete(ls.alive, id)
		}
	}
}

// of returns the entries that a flow has had at a host, or nil.
func (ls *lives) of(host string, key packet.Key) *flowLives {
	return ls.flows[flowAt{host, canonical(key)}]
}

// carrier returns the entry that a packet belonged to when a host decided about it, or nil if it
// had none or is untracked. A packet that was dropped as NEW creates no entry; it may belong to one
// that has not seen a reply.
func (f *flowLives) carrier(at when, state packet.State) *life {
	if f == nil || state == packet.Untracked || state == packet.Invalid {
		return nil
	}
	var entry, next *life
	i := f.find(at.seq)
	if i >= 0 {
		entry = f.lives[i]
	}
	if i+1 < len(f.lives) && f.lives[i+1].born.at-at.at <= patience {
		next = f.lives[i+1]
	}
	if state == packet.New {
		return entry.ifUnreplied(at)
	}
	switch {
	case entry != nil && (!entry.gone().happened() || entry.gone().seq > at.seq):
		return entry
	case entry == nil || at.at-entry.gone().at > patience:
		return next // it was reported after the verdict
	case next == nil || at.seq-entry.gone().seq < next.born.seq-at.seq:
		return entry // its end was reported before the verdict
	}
	return next
}

// ifUnreplied returns the entry if it existed and had not seen a reply when a packet was NEW, and
// nil otherwise.
func (l *life) ifUnreplied(at when) *life {
	switch {
	case l == nil || l.gone().happened() && l.gone().seq < at.seq:
		return nil
	case l.creator.seq == at.seq || !l.replied.happened() || l.replied.seq > at.seq:
		return l
	case l.gone().happened() && l.gone().at-at.at <= lag || at.at-l.replied.at > lag:
		return nil // its end was reported after the verdict, or not at all
	}
	return l // the reply was reported before the verdict
}

// before returns the latest entry of a flow at a host that was created before, whether or not it is
// gone; or nil.
func (ls *lives) before(at when, host string, key packet.Key) *life {
	return ls.previous(at, host, key, nil)
}

// previous returns the entry before another one; or the latest one if that is nil.
func (ls *lives) previous(at when, host string, key packet.Key, entry *life) *life {
	f := ls.of(host, key)
	if f == nil {
		return nil
	}
	i := f.find(at.seq)
	if i >= 0 && f.lives[i] == entry {
		i--
	}
	if i < 0 {
		return nil
	}
	return f.lives[i]
}

// mayHaveMissed reports whether a host may have had an entry that was not reported.
func (ls *lives) mayHaveMissed(at when, host string) bool {
	lossy, is := ls.lossy[host]
	return is && lossy.seq <= at.seq
}

// livedAt reports whether the entry existed when something happened.
func (l *life) livedAt(at when) bool {
	return l.born.seq <= at.seq && (!l.gone().happened() || l.gone().seq > at.seq && l.gone().at-at.at > lag)
}

// repliedBy reports whether the entry had seen a reply by some time.
func (l *life) repliedBy(at when) bool { return l.replied.happened() && l.replied.seq <= at.seq }

// find returns the index of the latest entry that was created at seq or before, or -1.
func (f *flowLives) find(seq uint64) int {
	i, found := slices.BinarySearchFunc(f.lives, seq, func(l *life, seq uint64) int { return cmp.Compare(l.born.seq, seq) })
	if found {
		return i
	}
	return i - 1
}

func (f *flowLives) last() *life {
	if len(f.lives) == 0 {
		return nil
	}
	return f.lives[len(f.lives)-1]
}

// sends reports whether packets with that key go in the direction of the entry's first packet.
func (l *life) sends(k packet.Key) bool {
	return k.Source == l.orig.Source && k.SourcePort == l.orig.SourcePort && k.Destination == l.orig.Destination
}

// canonical returns the same key for both directions of a flow. An echo's two directions have
// different types, and two hosts may ping each other with one id: its key is that of the request.
func canonical(k packet.Key) packet.Key {
	switch {
	case k.Protocol == packet.ICMP && k.ICMPType == echoReply, k.Protocol == packet.ICMPv6 && k.ICMPType == echoReplyV6:
		k.Source, k.Destination = k.Destination, k.Source
		fallthrough
	case k.Protocol == packet.ICMP && k.ICMPType == echoRequest, k.Protocol == packet.ICMPv6 && k.ICMPType == echoRequestV6:
		k.ICMPType = echoRequest
		return k
	case k.Protocol.IsICMP():
		return k
	}
	if c := cmp.Or(k.Source.Compare(k.Destination), cmp.Compare(k.SourcePort, k.DestinationPort)); c > 0 {
		k.Source, k.Destination = k.Destination, k.Source
		k.SourcePort, k.DestinationPort = k.DestinationPort, k.SourcePort
	}
	return k
}
