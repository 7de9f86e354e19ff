package view

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"lablab/packet"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// A mark is a packet of a stream and its outcome.
type mark struct {
	fate                  report.Outcome // "" until it is known
	sent                  bool
	connecting, connected bool
	at                    time.Duration
}

// A lane is a stream, as a row of marks.
type lane struct {
	timeline.StreamStarted
	packets  []mark
	first    int // Seq of the first packet
	sent     int
	fates    map[report.Outcome]int
	stopped  bool
	stopping bool         // a stop was requested
	broken   say.Sentence // why it failed
}

// longest is the number of packets of a stream that are kept one by one.
const longest = 600

func (l *lane) clone() *lane {
	c := *l
	c.packets = slices.Clone(l.packets)
	c.fates = maps.Clone(l.fates)
	return &c
}

// packet returns the packet with that number, or nil if it is no longer kept.
func (l *lane) packet(seq int) *mark {
	if len(l.packets) == 0 {
		l.first = seq
	}
	i := seq - l.first
	if i < 0 || i > longest*2 {
		return nil
	}
	for len(l.packets) <= i {
		l.packets = append(l.packets, mark{})
	}
	if over := len(l.packets) - longest; over > 0 {
		for _, p := range l.packets[:over] {
			if p.sent && p.fate == "" { // no later event can settle it
				l.fates[l.overdue()]++
			}
		}
		l.packets = slices.Delete(l.packets, 0, over)
		l.first, i = l.first+over, i-over
		if i < 0 {
			return nil
		}
	}
	return &l.packets[i]
}

func (l *lane) left(seq int, connecting bool, at time.Duration) {
	p := l.packet(seq)
	if p == nil {
		return
	}
	if !p.sent {
		l.sent++
	}
	p.sent, p.connecting, p.at = true, connecting, at
}

// settle records the outcome of a packet.
func (l *lane) settle(seq int, fate report.Outcome) {
	p := l.packet(seq)
	if p == nil || p.fate == fate {
		return
	}
	switch {
	case p.fate == report.Replied || p.fate == report.Late:
		return
	case p.fate == report.Refused && (fate == report.Unsent || fate == report.Reset):
		return // the drop is the reason
	}
	if p.fate != "" {
		l.fates[p.fate]--
	}
	p.fate = fate
	l.fates[fate]++
}

// drop records that a host's rules dropped a packet. TCP retransmits a segment until it gets
// through, so the message is stalled.
func (l *lane) drop(seq int) {
	p := l.packet(seq)
	if p == nil {
		return
	}
	if l.Protocol == packet.TCP && p.sent && (!p.connecting || p.connected) {
		l.settle(seq, report.Stalled)
		return
	}
	l.settle(seq, report.Refused)
}

// patience is how long a packet may go unanswered before it is shown as lost.
const patience = 1500 * time.Millisecond

// shown returns the outcome that a packet's mark shows at a given time.
func (l *lane) shown(p mark, now time.Duration) report.Outcome {
	switch {
	case p.fate != "":
		return p.fate
	case !p.sent || now-p.at < patience:
		return report.Waiting
	}
	return l.overdue()
}

// overdue returns the outcome to show for a packet that had no news within patience.
func (l *lane) overdue() report.Outcome {
	if l.fates[report.Stalled] > 0 && l.Protocol == packet.TCP {
		return report.Stalled // queued behind a stalled message
	}
	return report.Lost
}

// counts returns the number of sent packets by the outcome shown at a given time.
func (l *lane) counts(now time.Duration) map[report.Outcome]int {
	counts := maps.Clone(l.fates)
	for _, p := range l.packets {
		if p.sent && p.fate == "" {
			counts[l.shown(p, now)]++
		}
	}
	return counts
}

// back returns the number of replies.
func (l *lane) back() int { return l.fates[report.Replied] + l.fates[report.Late] }

// drawn returns the latest marks, in at most that many columns.
func (l *lane) drawn(columns int, now time.Duration) line {
	packets := l.packets
	if over := len(packets) - max(columns, 0); over > 0 {
		packets = packets[over:]
	}
	var drawn line
	for _, p := range packets {
		m := markOf(l.shown(p, now))
		if n := len(drawn); n > 0 && drawn[n-1].style == m.style {
			drawn[n-1] = sign(m.style, drawn[n-1].in(nil)+m.in(nil))
			continue
		}
		drawn = append(drawn, m)
	}
	return drawn
}

// word describes the stream in a few words.
func (l *lane) word() string {
	switch l.Protocol {
	case packet.ICMP, packet.ICMPv6:
		return "ping"
	case packet.TCP, packet.UDP:
		return l.Protocol.String() + " " + strconv.Itoa(int(l.Port))
	}
	return l.Protocol.String()
}

// markOf returns the mark of an outcome, as in the report of a run.
func markOf(o report.Outcome) span {
	switch o {
	case report.Replied:
		return sign(green, "✓")
	case report.Refused:
		return sign(red, "✗")
	case report.Late:
		return sign(yellow, "~")
	case report.Unsent:
		return sign(yellow, "!")
	case report.Stalled:
		return sign(yellow, "=")
	case report.Reset:
		return sign(red, "R")
	case report.Lost:
		return sign(yellow, "?")
	}
	return sign(dim, "·")
}
