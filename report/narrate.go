package report

import (
	"maps"
	"time"

	"lablab/packet"
	"lablab/report/claims"
	"lablab/say"
	"lablab/timeline"
)

// A Narrator says what the events of a timeline mean, as a film is narrated: while they happen. It
// takes each event once, and keeps nothing of the packets that it has spoken about.
type Narrator struct {
	history
	streams   map[string]timeline.StreamStarted
	ready     bool
	self      map[packet.Key]bool // flows of the lab's self-check
	waiting   []happening         // events about which more may still be reported
	sent      []sending           // packets that no verdict may have been seen of
	seen      map[numbered]time.Duration
	numbers   map[string]uint64 // of subtitles, by what they say in English
	next      uint64
	decisions map[decision]bool // that a line has been written for
	said      Narration
	// Check is called with each subtitle and what it claims, if it is not nil: for tests. at is the
	// event that it is about; the first of a timeline is 1.
	Check func(at uint64, words say.Sentence, claimed []claims.Claim)
}

// A Narration is what a Narrator has said since it was last asked.
type Narration struct {
	Subtitles []subtitle // new ones, numbered from 0 over all narrations of a Narrator
	Captions  []caption
	Lines     []line
}

// Empty reports whether nothing was said.
func (n Narration) Empty() bool {
	return len(n.Subtitles) == 0 && len(n.Captions) == 0 && len(n.Lines) == 0
}

// A subtitle says what happens, in one or more lines, which are shown one after the other. Many
// packets can share one.
type subtitle struct {
	Words   say.Sentence // with a blank "seq" for the number of the packet
	Tone    tone
	Decides bool // the story of the packet turns on this event
	Waits   bool // it is decisive: the film waits until the reader goes on
	claims  []claims.Claim
}

// A tone is what something means for packets. Most changes have none.
type tone string

const (
	accept tone = "accept"
	drop   tone = "drop"
)

// A caption is the subtitle of an event.
type caption struct{ Event, Subtitle uint64 }

// A line says what a host decided, in the story of each packet that it is about.
type line struct {
	Decision decision
	Words    say.Sentence
}

// A decision is what a host decided about packets.
type decision struct {
	Host      string           `json:"host"`
	Direction packet.Direction `json:"direction"`
	State     packet.State     `json:"state"`
	Accepted  bool             `json:"accepted"`
	packet.By
}

// A happening is an event and its place in the timeline.
type happening struct {
	when
	timeline.Event
}

// A numbered is a packet of a stream.
type numbered struct {
	stream string
	number int
}

// A sending is a packet that was sent, and the event that reported it.
type sending struct {
	numbered
	when
	event uint64
}

// NewNarrator returns a narrator who has seen nothing.
func NewNarrator() *Narrator {
	return &Narrator{
		history: newHistory(), streams: map[string]timeline.StreamStarted{}, self: map[packet.Key]bool{},
		seen: map[numbered]time.Duration{}, numbers: map[string]uint64{}, decisions: map[decision]bool{},
	}
}

// Add takes the next event. Another timeline may follow the one that has ended.
func (n *Narrator) Add(e timeline.Event) {
	if _, begins := e.Body.(timeline.Begun); begins {
		n.settle(n.now.at + 1)
		next, said, check := n.next, n.said, n.Check
		*n = *NewNarrator()
		n.next, n.said, n.Check = next, said, check
	}
	n.history.add(e)
	n.settle(e.At - patience)
	switch body := e.Body.(type) {
	case timeline.Ready:
		n.ready = true
	case timeline.CanaryDropped:
		n.self[canonical(body.Packet.Key())] = true
	case timeline.StreamStarted:
		n.streams[body.Stream] = body
	case timeline.Sent:
		n.sent = append(n.sent, sending{numbered{body.Stream, body.Seq}, n.now, e.Seq})
	case timeline.Judged:
		n.judged(e, body)
	case timeline.EntryChanged:
		if n.ready && !n.self[canonical(body.Entry.Orig)] {
			n.waiting = append(n.waiting, happening{n.now, e})
		}
	case timeline.Cut:
		if !n.self[canonical(body.Flow)] {
			n.say(n.now, e.Seq, n.changed(body))
		}
	default:
		if n.ready {
			n.say(n.now, e.Seq, n.changed(e.Body))
		}
	}
}

// Said returns what has been said since it was last called. Of the latest events, about which more
// may still be reported, it says what is known.
func (n *Narrator) Said() Narration {
	n.settle(n.now.at + 1)
	said := n.said
	n.said = Narration{}
	return said
}

func (n *Narrator) judged(e timeline.Event, v timeline.Judged) {
	switch {
	case v.Stream != "":
		n.seen[numbered{v.Stream, v.Seq}] = e.At
		n.decided(v)
	case !n.ready || v.State == "" || n.self[canonical(v.Packet.Key())]: // of a flood, the kernel reports some packets by half
		return
	}
	if n.worth(v) {
		n.waiting = append(n.waiting, happening{n.now, e})
	}
}

// worth reports whether a verdict deserves a subtitle: drops do, and what is accepted where it
// arrives or is forwarded. The reply to a ping goes without saying.
func (n *Narrator) worth(v timeline.Judged) bool {
	_, inside := n.policy.names[v.Packet.Destination]
	switch {
	case !v.Accepted:
		return true
	case v.State == packet.Related:
		return v.Direction == packet.Ingress
	case v.Stream != "":
		return !v.Reply && (v.Direction == packet.Ingress || v.Forwarded && v.State == packet.New)
	case v.Kind == packet.ByLoopback || v.Kind == packet.ByLink || isEcho(v.Packet, echoReply, echoReplyV6):
		return false
	}
	return v.Direction == packet.Ingress || !inside
}

// settle says what the events before a time mean.
func (n *Narrator) settle(before time.Duration) {
	for len(n.waiting) > 0 && n.waiting[0].at < before {
		h := n.waiting[0]
		n.waiting = n.waiting[1:]
		switch body := h.Body.(type) {
		case timeline.Judged:
			n.say(h.when, h.Seq, n.verdict(h.when, body))
		case timeline.EntryChanged:
			n.say(h.when, h.Seq, n.entry(h.when, body))
		}
	}
	for len(n.sent) > 0 && n.sent[0].at < before {
		s := n.sent[0]
		n.sent = n.sent[1:]
		if _, seen := n.seen[s.numbered]; !seen && n.streams[s.stream].Protocol != packet.TCP { // a message may wait in its connection
			unseen := claims.Claim{Kind: claims.Unseen, Event: s.seq, Stream: s.stream, First: s.number, Last: s.number}
			n.say(s.when, s.event, plainly("%s was sent; no verdict was seen.", phrase{packetOf(s.stream), []claims.Claim{unseen}}))
		}
	}
	const most = 10_000 // packets to remember
	if len(n.seen) > 2*most {
		maps.DeleteFunc(n.seen, func(_ numbered, at time.Duration) bool { return at < before })
	}
}

// say gives an event a subtitle, unless that is empty. at is its place in the timeline.
func (n *Narrator) say(at when, event uint64, s subtitle) {
	if s.Words.Empty() {
		return
	}
	if n.Check != nil {
		n.Check(at.seq, s.Words, s.claims)
	}
	s.claims = nil
	const most = 10_000 // subtitles to share
	if len(n.numbers) > most {
		clear(n.numbers)
	}
	words := s.Words.String()
	number, shared := n.numbers[words]
	if !shared {
		number = n.next
		n.next++
		n.numbers[words] = number
		n.said.Subtitles = append(n.said.Subtitles, s)
	}
	n.said.Captions = append(n.said.Captions, caption{event, number})
}

// decided writes the line for a decision, once.
func (n *Narrator) decided(v timeline.Judged) {
	d := decision{Host: v.Host, Direction: v.Direction, State: v.State, Accepted: v.Accepted, By: v.By}
	if n.decisions[d] {
		return
	}
	n.decisions[d] = true
	text := ""
	if rule := n.policy.numbers[d.Number]; rule != nil {
		text = rule.Rule.Rule.String()
	}
	n.said.Lines = append(n.said.Lines, line{d, d.words(text)})
}
