package report

import (
	"math"
	"slices"
	"time"

	"lablab/packet"
	"lablab/say"
)

// finishStream counts a stream's packets and sums up the verdicts on them.
func (b *Builder) finishStream(s *Stream) {
	var rtts []float64
	var first, last time.Duration
	for _, j := range b.packets[s.Name] {
		if j.Outcome == "" {
			continue // has a verdict, but its sender has not yet reported it
		}
		b.settle(s, j)
		x := b.report.Experiment(j.Experiment)
		open := x != nil && !x.Complete
		if j.Outcome == Lost && open && b.now.at-j.at < patience {
			j.Outcome = Waiting
		}
		if s.Sent == 0 {
			first = j.at
		}
		last = j.at
		s.Sent++
		switch j.Outcome {
		case Replied, Late:
			s.Received++
			if s.FirstReply == nil {
				s.FirstReply = &j.Seq
			}
			if j.Outcome == Late {
				s.Late++
			}
			rtts = append(rtts, *j.RTTMS)
		case Refused:
			s.Refused++
		case Waiting:
			s.Waiting++
		case Stalled:
			s.Stalled++
		case Reset:
			s.Reset++
		default:
			s.Lost++
		}
		if j.local {
			s.LocallyDropped++
		}
		s.Packets = append(s.Packets, j.Packet)
		if j.Belated {
			s.Belated++
		}
		if !open || b.now.at-max(j.at, j.repliedAt) >= patience { // or verdicts may still come
			b.report.Missed.Verdicts += j.missing()
		}
	}
	if s.Sent > 0 {
		s.LossPercent = float64(s.Sent-s.Received) * 100 / float64(s.Sent)
	}
	s.TimeMS = ms(max(last, b.last[s.Name]) - first)
	s.RTT = rttOf(rtts)
	s.Verdicts = ranges(s, b.packets[s.Name])
}

// IsPing reports whether the stream sends ICMP echo requests.
func (s *Stream) IsPing() bool { return s.Port == 0 }

// What returns the two ends of a stream, and what distinguishes its flow from others.
func (s *Stream) What() say.Sentence {
	if s.IsPing() {
		return say.F("ping from %s to %s, ICMP id %d", s.From, s.To, s.ICMPID)
	}
	if s.PublishedBy != "" {
		return say.F("%s from %s port %d to %s, published as %s port %d", s.Protocol, s.From, s.SourcePort, s.To, s.PublishedBy, s.Port)
	}
	return say.F("%s from %s port %d to %s port %d", s.Protocol, s.From, s.SourcePort, s.To, s.Port)
}

// patience is how long after sending a packet may still be in flight.
const patience = time.Second

// missing returns how many verdicts on a packet must have been lost: an answered packet has four, one
// that the target sent by itself two, and a host that forwards it gives one on its arrival and one on its departure; any other has at
// least the drop, or its departure and arrival.
func (j *journey) missing() int {
	switch {
	case j.answered:
		ends, halves := 0, 0
		for _, v := range j.verdicts {
			switch {
			case !v.Forwarded:
				ends++
			case v.Direction == packet.Egress:
				halves--
			case v.Accepted:
				halves++
			}
		}
		all := 4
		if j.pushed {
			all = 2
		}
		return max(0, all-ends) + max(halves, -halves) // TCP has more: a SYN, or retransmissions
	case j.Outcome == Lost && len(j.verdicts) < 2, j.local && j.Outcome == Unsent:
		return 1 // a packet that arrived and was lost behind the rules has two or more
	}
	return 0
}

// rttOf returns the figures that ping(8) derives from round-trip times in milliseconds, or nil.
func rttOf(rtts []float64) *RTT {
	if len(rtts) == 0 {
		return nil
	}
	var sum, squares float64
	for _, rtt := range rtts {
		sum += rtt
		squares += rtt * rtt
	}
	n := float64(len(rtts))
	avg := sum / n
	sorted := slices.Sorted(slices.Values(rtts))
	return &RTT{
		Min: sorted[0], Avg: avg, Max: sorted[len(sorted)-1],
		Mdev:   math.Sqrt(max(0, squares/n-avg*avg)),
		Median: (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2,
	}
}

// ranges joins consecutive packets with the same verdicts, place by place along the way there and
// back.
func ranges(s *Stream, journeys []*journey) []VerdictRange {
	result := []VerdictRange{}
	type place struct {
		host      string
		direction packet.Direction
		reply     bool
	}
	places := []place{{s.From, packet.Egress, false}}
	for _, host := range forwarders(journeys, false) {
		places = append(places, place{host, packet.Ingress, false}, place{host, packet.Egress, false})
	}
	places = append(places, place{s.To, packet.Ingress, false}, place{s.To, packet.Egress, true})
	for _, host := range forwarders(journeys, true) {
		places = append(places, place{host, packet.Ingress, true}, place{host, packet.Egress, true})
	}
	for _, place := range append(places, place{s.From, packet.Ingress, true}) {
		start := len(result)
		for _, j := range journeys {
			v := j.verdictAt(place.host, place.direction, place.reply)
			if v == nil {
				continue
			}
			next := rangeOf(v, j.Seq)
			if n := len(result); n > start && result[n-1].continuedBy(next) {
				result[n-1].Last = next.Last
				continue
			}
			result = append(result, next)
		}
	}
	return result
}

func rangeOf(v *verdict, seq int) VerdictRange {
	r := VerdictRange{
		Host: v.Host, Direction: v.Direction, Packet: "request", First: seq, Last: seq,
		State: v.State, Verdict: "drop", By: v.By,
	}
	if v.Reply {
		r.Packet = "reply"
	}
	if v.Accepted {
		r.Verdict = "accept"
	}
	return r
}

// continuedBy reports whether next is about the packet after r and says the same.
func (r VerdictRange) continuedBy(next VerdictRange) bool {
	follows := next.First == r.Last+1
	next.First, next.Last = r.First, r.Last
	return follows && next == r
}
