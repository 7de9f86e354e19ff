package report

import (
	"slices"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/timeline"
)

// A life is one conntrack entry of one host, from the packet that created it to its end.
type life struct {
	host        string
	id          uint32
	orig, reply packet.Key
	// creator is the verdict on the packet that created the entry; not set if it was not seen.
	creator creation
	born    when          // when it was created, or first known
	known   when          // when it was first reported
	replied when          // when it first saw a reply, if ever
	dead    when          // when it was reported destroyed, or found to be gone
	left    time.Duration // how much longer it would have lasted then, if that is known
	// admissions are the rules in its mark, one after the other: until there is a reply, each packet
	// of the flow is accepted by a rule again.
	admissions []admission
	// releases are the same for the outbound rules that let a forwarded flow leave.
	releases []admission

	cut     when // when lablab deleted it, and why
	cutWhy  timeline.CutReason
	touched time.Duration // when it last carried a packet, as far as is known
	timeout time.Duration // how long it lasts without a packet; 0 if unknown
	timing  *timing
	sought  when // when a packet of its flow was first not found to belong to it, since the last that did
	closing bool // TCP: the connection was being closed
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
	case l.cutWhy == timeline.CutChanged:
		return claims.Changed
	case l.cutWhy != "":
		return claims.Asked
	case !l.dead.happened():
		return ""
	case l.closing:
		return claims.Closing
	case l.timeout == 0:
		return claims.Unknown
	case l.dead.at-l.touched+l.timing.around(l.touched) >= l.timeout:
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
func (l *life) admittedBy(seq uint64) uint32 { return lastBefore(l.admissions, seq) }

// releasedBy returns the number of the rule that let a forwarded flow leave.
func (l *life) releasedBy(seq uint64) uint32 { return lastBefore(l.releases, seq) }

// isOf reports whether a rule with that number had admitted or released the flow at some time. Under
// some models, another rule admits it again.
func (l *life) isOf(number uint32, seq uint64) bool {
	return l.admittedBy(seq) == number || l.releasedBy(seq) == number
}

func lastBefore(list []admission, seq uint64) uint32 {
	number := uint32(0)
	for i, a := range list {
		if i == 0 || a.seq <= seq {
			number = a.number
		}
	}
	return number
}

// touch notes that the entry carried a packet, unless it had expired. A NEW packet does not belong
// to an entry that has seen a reply.
func (l *life) touch(at when, state packet.State) {
	expired := l.replied.happened() || l.timeout > 0 && at.at-l.touched > l.timeout+time.Second
	if state == packet.Established || !expired {
		l.touched, l.sought = at.at, when{}
		if l.timeout > 0 {
			l.timeout = min(l.timeout, l.timing.shortest(l.orig.Protocol))
		}
	}
}

// seek notes that a packet of the flow did not belong to the entry.
func (l *life) seek(at when) {
	if l != nil && (!l.sought.happened() || l.dead.happened() && l.dead.at-l.sought.at > lag) {
		l.sought = at
	}
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
	if n := len(l.releases); e.Released != 0 && (n == 0 || l.releases[n-1].number != e.Released) {
		released := at
		if n == 0 {
			released = l.born
		}
		l.releases = append(l.releases, admission{released, e.Released})
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

// livedAt reports whether the entry existed when something happened.
func (l *life) livedAt(at when) bool {
	return l.born.seq <= at.seq && (!l.gone().happened() || l.gone().seq > at.seq && l.gone().at-at.at > lag)
}

// repliedBy reports whether the entry had seen a reply by some time.
func (l *life) repliedBy(at when) bool { return l.replied.happened() && l.replied.seq <= at.seq }

// sends reports whether packets with that key go in the direction of the entry's first packet.
func (l *life) sends(k packet.Key) bool {
	return k.Source == l.orig.Source && k.SourcePort == l.orig.SourcePort && k.Destination == l.orig.Destination
}
