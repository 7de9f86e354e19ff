package claimtest

import (
	"fmt"
	"slices"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/report/claims"
	"lablab/sg"
	"lablab/timeline"
)

// Evidence is a timeline, read for checking claims. Events count from 1.
type Evidence struct {
	events   []timeline.Event // the first is empty
	entries  []*entry
	changes  []int            // events that may change what the groups allow
	verdicts map[string][]int // by stream
	halts    []timeline.Event // in which lablab did not run
	accounts map[int]account  // by the number of changes before
}

// A verdict is the first verdict on a packet at one place, and its event.
type verdict struct {
	timeline.Judged
	at   int
	time time.Duration
}

// An entry is a conntrack entry, from the event that reports it to the one that reports its end.
type entry struct {
	host       string
	id         uint32
	orig       packet.Key
	begin, end int // end is 0 if it did not end
	replied    int // 0 if it saw no reply
	marks      []mark
	releases   []mark // the same for the outbound rules of what a host forwards
	timeout    time.Duration
	tcp        string // its last state
	untracked  bool   // it ended because its flow is no longer tracked
}

// A mark is the number of the rule that admitted the entry, from an event on.
type mark struct {
	at     int
	number uint32
}

// Read reads a timeline.
func Read(events []timeline.Event) *Evidence {
	e := &Evidence{events: append(make([]timeline.Event, 1), events...), accounts: map[int]account{}, verdicts: map[string][]int{}}
	alive := map[claims.Entry]*entry{}
	for at := 1; at < len(e.events); at++ {
		if isChange(e.events[at].Body) {
			e.changes = append(e.changes, at)
		}
		switch body := e.events[at].Body.(type) {
		case timeline.Halted:
			e.halts = append(e.halts, e.events[at])
		case timeline.Judged:
			e.verdicts[body.Stream] = append(e.verdicts[body.Stream], at)
		}
		changed, is := e.events[at].Body.(timeline.EntryChanged)
		if !is {
			continue
		}
		key := claims.Entry{Host: changed.Host, ID: changed.Entry.ID}
		x := alive[key]
		if x == nil && (changed.Change == flow.Destroy || changed.Entry.Untracked) {
			continue
		}
		if x == nil || changed.Change == flow.New { // the end of the one before was not reported
			x = &entry{host: changed.Host, id: changed.Entry.ID, orig: changed.Entry.Orig, begin: at}
			alive[key] = x
			e.entries = append(e.entries, x)
		}
		if changed.Entry.TCP != "" {
			x.tcp = changed.Entry.TCP
		}
		if changed.Change == flow.Destroy || changed.Entry.Untracked {
			x.end, x.untracked = at, changed.Entry.Untracked
			delete(alive, key)
			continue
		}
		if x.replied == 0 && slices.Contains(changed.Entry.Status, flow.SeenReply) {
			x.replied = at
		}
		if n := len(x.marks); n == 0 || x.marks[n-1].number != changed.Entry.Mark {
			x.marks = append(x.marks, mark{at, changed.Entry.Mark})
		}
		if n := len(x.releases); changed.Entry.Released != 0 && (n == 0 || x.releases[n-1].number != changed.Entry.Released) {
			x.releases = append(x.releases, mark{at, changed.Entry.Released})
		}
		if changed.Entry.Timeout > 0 {
			x.timeout = changed.Entry.Timeout
		}
	}
	return e
}

// judged returns the verdict of a host at an event.
func (e *Evidence) judged(at int, host string) (timeline.Judged, bool) {
	if at < 1 || at >= len(e.events) {
		return timeline.Judged{}, false
	}
	v, is := e.events[at].Body.(timeline.Judged)
	return v, is && v.Host == host
}

// verdict returns the first verdict on a packet at the place of a claim.
func (e *Evidence) verdict(c claims.Claim, seq int) (verdict, bool) {
	if c.Event > 0 {
		v, found := e.judged(int(c.Event), c.Host)
		return verdict{v, int(c.Event), e.events[c.Event].At}, found
	}
	for _, at := range e.verdicts[c.Stream] {
		v := e.events[at].Body.(timeline.Judged)
		if v.Host == c.Host && v.Direction == c.Direction && v.Reply == c.Reply && v.Seq > 0 && v.Seq <= seq && seq <= max(v.Seq, v.Last) {
			return verdict{v, at, e.events[at].At}, true
		}
	}
	return verdict{}, false
}

// entry returns the entry that a claim means.
func (e *Evidence) entry(c claims.Entry) (*entry, error) {
	for _, x := range e.entries {
		if x.host == c.Host && x.id == c.ID && x.begin == int(c.Reported) {
			return x, nil
		}
	}
	return nil, fmt.Errorf("no entry %+v", c)
}

// entryAndFirst returns the entry of a claim and the verdict on its first packet.
func (e *Evidence) entryAndFirst(c claims.Claim) (*entry, verdict, error) {
	x, err := e.entry(c.Entry)
	if err != nil {
		return nil, verdict{}, err
	}
	v, found := e.verdict(c, c.First)
	if !found {
		return nil, v, fmt.Errorf("no verdict on packet %d", c.First)
	}
	return x, v, nil
}

// round is how long after a verdict an event can be recorded that happened before it: in each round
// of reading the kernel's reports, the events of a host are recorded behind its verdicts.
const round = 100 * time.Millisecond

// follows reports whether a conntrack event certainly happened after a verdict. The kernel says when
// it happened, also on a machine that is so busy that it is recorded much later.
func (e *Evidence) follows(event int, v verdict) bool {
	const skew = 20 * time.Millisecond // between the clock of the kernel's events and that of the record
	happened := e.events[event].At
	changed, _ := e.events[event].Body.(timeline.EntryChanged)
	if begun, is := e.events[1].Body.(timeline.Begun); is && !changed.Kernel.IsZero() {
		if by := e.events[1].At + changed.Kernel.Sub(begun.Started); by <= happened+skew { // else a clock was set
			return event > v.at && by > v.time+skew
		}
	}
	return event > v.at && happened-v.time > round
}

// during returns an error unless the entry existed when a verdict was given: it was created by that
// packet or before, and had not ended.
func (e *Evidence) during(x *entry, v verdict) error {
	other := e.endBefore(x, x.host)
	switch {
	case e.follows(x.begin, v):
		return fmt.Errorf("the entry was reported at event %d, after the verdict at %d", x.begin, v.at)
	case x.begin > v.at && other > 0 && e.follows(other, v):
		return fmt.Errorf("another entry was there until event %d", other)
	case x.end != 0 && x.end < v.at:
		return fmt.Errorf("the entry had ended at event %d, before the verdict at %d", x.end, v.at)
	}
	return nil
}

// entryAt returns the entry of a verdict's flow that certainly existed at that time.
func (e *Evidence) entryAt(v verdict, host string) *entry {
	for _, x := range e.entries {
		if x.host == host && x.flow() == canonical(v.Packet.Key()) && x.begin < v.at && !e.endedBefore(x, v) {
			return x
		}
	}
	return nil
}

// endedBefore reports whether an entry had ended by a verdict, or may have: its end is recorded in
// the same round.
func (e *Evidence) endedBefore(x *entry, v verdict) bool {
	return x.end != 0 && !e.follows(x.end, v)
}

// endBefore returns the event that ended the entry before x of the same flow, or 0.
func (e *Evidence) endBefore(x *entry, host string) (end int) {
	for _, o := range e.entries {
		if o.host == host && o.flow() == x.flow() && o.begin < x.begin && o.end != 0 && o.end <= x.begin {
			end = max(end, o.end)
		}
	}
	return end
}

// ending returns why an entry ended.
func (e *Evidence) ending(x *entry) claims.Ending {
	if x.untracked {
		return claims.Untracked
	}
	touched, timeout := e.events[x.begin].At, x.timeout
	reset := false
	var configured *sg.Timeouts
	for at := 1; at < len(e.events); at++ {
		switch body := e.events[at].Body.(type) {
		case timeline.Cut:
			near := e.events[at].At - e.events[x.end].At
			if body.Why != timeline.CutUnmarked && body.Host == x.host && body.Flow == x.orig && at > x.begin && near.Abs() <= 10*round && !e.renewed(x, at) {
				return map[timeline.CutReason]claims.Ending{timeline.CutAsked: claims.Asked, timeline.CutUntracked: claims.Untracked, timeline.CutChanged: claims.Changed}[body.Why]
			}
		case timeline.Configured:
			configured = &body.Timeouts
		case timeline.Judged:
			if body.Host != x.host || canonical(body.Packet.Key()) != x.flow() || at > x.end || body.State == packet.Untracked || body.State == packet.Invalid {
				continue
			}
			if body.State == packet.Established {
				reset = reset || at > x.begin && body.Packet.TCPFlags&packet.RST != 0
			}
			if body.State == packet.Established || at < x.begin || x.replied == 0 {
				touched = max(touched, e.events[at].At)
				timeout = min(timeout, timeoutOf(configured, x.orig.Protocol, timeout))
			}
		}
	}
	switch {
	case reset || slices.Contains([]string{"FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"}, x.tcp):
		return claims.Closing
	case timeout == 0:
		return claims.Unknown
	case e.events[x.end].At-touched+e.haltedAround(touched) >= timeout:
		return claims.TimedOut
	}
	return claims.Deleted
}

// timeoutOf returns the shortest timeout that was configured for a protocol, or usual if none was.
func timeoutOf(configured *sg.Timeouts, p packet.Protocol, usual time.Duration) time.Duration {
	if configured == nil {
		return usual
	}
	switch p {
	case packet.ICMP, packet.ICMPv6:
		return configured.ICMP
	case packet.TCP:
		return configured.TCPEstablished
	case packet.UDP:
		return min(configured.UDP, configured.UDPStream)
	}
	return configured.Other
}

// haltedAround returns how much later than it happened something may have been recorded, since
// lablab did not run.
func (e *Evidence) haltedAround(at time.Duration) (late time.Duration) {
	for _, event := range e.halts {
		if h := event.Body.(timeline.Halted); event.At >= at-round && event.At-h.Within+h.Asleep <= at+round {
			late += h.For - h.Asleep
		}
	}
	return late
}

// renewed reports whether the flow had a later entry by an event.
func (e *Evidence) renewed(x *entry, by int) bool {
	return slices.ContainsFunc(e.entries, func(o *entry) bool {
		return o.host == x.host && o.flow() == x.flow() && o.begin > x.begin && o.begin < by
	})
}

// flow returns what identifies the entry's flow.
func (x *entry) flow() packet.Key { return canonical(x.orig) }

// markAt returns the number in the entry's mark at an event.
func (x *entry) markAt(at int) uint32 { return numberAt(x.marks, at) }

func numberAt(marks []mark, at int) (number uint32) {
	for i, m := range marks {
		if i == 0 || m.at <= at {
			number = m.number
		}
	}
	return number
}

// canonical returns the same key for both directions of a flow.
func canonical(k packet.Key) packet.Key {
	reversed := k
	reversed.Source, reversed.Destination = k.Destination, k.Source
	reversed.SourcePort, reversed.DestinationPort = k.DestinationPort, k.SourcePort
	switch {
	case k.Protocol == packet.ICMP && k.ICMPType == 0:
		reversed.ICMPType = 8
		return reversed
	case k.Protocol == packet.ICMPv6 && k.ICMPType == 129:
		reversed.ICMPType = 128
		return reversed
	case k.Protocol.IsICMP() || k.Compare(reversed) <= 0:
		return k
	}
	return reversed
}
