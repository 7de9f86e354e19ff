package report

import (
	"cmp"
	"slices"

	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

// lives are the entries of all hosts, by the flows that they are about.
type lives struct {
	flows map[flowAt]*flowLives // each by the key that it has where it begins
	alive map[entryID]*life
	// translations are known before what they explain is recorded.
	translations *flow.Translations
	lossy        map[string]when // since when entries may have come and gone unseen, by host
	timing       *timing
	listings     map[string][]when // by host
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
	return &lives{translations: &flow.Translations{}, flows: map[flowAt]*flowLives{}, alive: map[entryID]*life{}, lossy: map[string]when{}, timing: &timing{}, listings: map[string][]when{}, most: 2 * othersKept}
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
		ls.listings[body.Host] = append(ls.listings[body.Host], at)
		ls.dumped(at, body)
	case timeline.Configured:
		ls.timing.timeouts = &body.Timeouts
	case timeline.Halted:
		ls.timing.halts = append(ls.timing.halts, haltOf(at, body))
	case timeline.Missed:
		if _, known := ls.lossy[body.Host]; body.What == timeline.MissedEvents && !known {
			ls.lossy[body.Host] = at
		}
	}
}

func (ls *lives) judged(at when, v timeline.Judged) {
	created := v.State == packet.New && v.Accepted
	if v.State == packet.Untracked || v.State == packet.Related || v.Packet.IsError() {
		return
	}
	key := ls.at(v.Host, v.Packet.Key())
	f := ls.flows[key]
	if f == nil && !created {
		return
	}
	if v.State == packet.Invalid {
		f.last().seek(at)
		return
	}
	if f == nil {
		f = ls.flow(key)
	}
	f.stream = f.stream || v.Stream != ""
	if v.Forwarded && v.State == packet.New && !v.Accepted && v.Direction == packet.Egress {
		f.first, f.latest = creation{}, creation{} // the host's inbound rules had accepted it in vain
	}
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
	if v.State == packet.New && entry != nil && entry.touched != at.at {
		entry.seek(at)
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

func (ls *lives) changed(at when, e timeline.EntryChanged) {
	id := entryID{e.Host, e.Entry.ID}
	entry := ls.alive[id]
	ls.translations.Add(e.Entry)
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
		entry.dead, entry.left = at, e.Entry.Timeout
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
	f := ls.flow(ls.at(host, e.Orig))
	if len(f.lives) >= most && !f.stream {
		f.lives = slices.Delete(f.lives, 0, most/2)
	}
	entry := &life{host: host, id: e.ID, orig: e.Orig, reply: e.Reply, born: at, known: at, touched: at.at, timing: ls.timing}
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

// wasCut records that lablab deleted an entry. That the entry is gone may be reported before or
// after.
func (ls *lives) wasCut(at when, cut timeline.Cut) {
	f := ls.of(cut.Host, cut.Flow)
	if f == nil || cut.Why == timeline.CutUnmarked { // the entry goes on
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
		ls.translations.Add(e)
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
	return ls.flows[ls.at(host, key)]
}

// at returns a flow at a host by the key that it has where it begins.
func (ls *lives) at(host string, key packet.Key) flowAt {
	return flowAt{host, canonical(ls.translations.Before(key))}
}

// reportedBy returns the entry that an event reports first, or whose end it reports; or nil.
func (f *flowLives) reportedBy(at when) *life {
	if f == nil {
		return nil
	}
	for _, l := range slices.Backward(f.lives) {
		if l.known == at || l.dead == at {
			return l
		}
	}
	return nil
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
