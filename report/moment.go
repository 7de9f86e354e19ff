package report

import (
	"cmp"
	"slices"
	"strings"
)

// A Moment is the packets of a stream that a sentence is about, and the experiment in which the
// first of them was sent.
type Moment struct {
	Stream     string `json:"stream"`
	First      int    `json:"first"`
	Last       int    `json:"last"`
	Experiment int    `json:"experiment"`
}

// say adds a sentence, the moment that it is about, and what its phrases claim.
func (p *Paragraph) say(at *Moment, format string, args ...any) {
	words, claimed := sentence(format, args...)
	p.Sentences = append(p.Sentences, words)
	p.Moments = append(p.Moments, at)
	p.Claims = append(p.Claims, claimed)
}

// of returns the moment of packets to which the same happened.
func (t *explainer) of(r run) *Moment { return t.stream.moment(r.First, r.Last) }

// outset returns the moment of the stream's first packet.
func (t *explainer) outset() *Moment {
	return t.stream.moment(t.stream.Packets[0].Seq, t.stream.Packets[0].Seq)
}

// sum returns the number of packets for which is holds, and the moment from the first to the last.
func (t *explainer) sum(is func(Packet) bool) (at *Moment, n int) {
	var first, last int
	for _, p := range t.stream.Packets {
		if !is(p) || t.experiment != 0 && t.experiment != p.Experiment {
			continue
		}
		if n == 0 {
			first = p.Seq
		}
		last = p.Seq
		n++
	}
	if n == 0 {
		return nil, 0
	}
	return t.stream.moment(first, last), n
}

func (s *Stream) moment(first, last int) *Moment {
	m := &Moment{Stream: s.Name, First: first, Last: last}
	i, found := slices.BinarySearchFunc(s.Packets, first, func(p Packet, seq int) int { return cmp.Compare(p.Seq, seq) })
	if found {
		m.Experiment = s.Packets[i].Experiment
	}
	return m
}

func became(o Outcome) func(Packet) bool { return func(p Packet) bool { return p.Outcome == o } }

// connectionReset reports whether a packet was sent over a connection, which was reset (ECONNRESET).
func connectionReset(p Packet) bool {
	return p.Outcome == Reset && strings.HasSuffix(p.Error, "connection reset by peer")
}

func lost(p Packet) bool { return p.Outcome == Lost || p.Outcome == Unsent }

func belated(p Packet) bool { return p.Belated }
