package report

import (
	"slices"
	"time"

	"lablab/packet"
	"lablab/timeline"
)

// A traffic is what is known of the streams and of each of their packets.
type traffic struct {
	streams []Stream
	packets map[string][]*journey    // by stream, then by sequence number, from 1; nil if forgotten
	last    map[string]time.Duration // time of the latest reply, by stream
	drops   map[stall]int            // segments of a TCP connection that were seen to be dropped
	acks    map[stall]int            // those of them that carried no message
}

// A journey is what is known about one packet.
type journey struct {
	Packet
	at time.Duration
	// When the reply came, if one did.
	repliedAt time.Duration

	answered bool
	refused  bool
	rejected bool // a host's own ruleset dropped it, and may have said so to the sender
	local    bool
	// For TCP: a connection is being opened for it; has been established; it was answered, but in a
	// later experiment.
	connecting, connected, belated bool
	pushed                         bool // the stream's target sent it, so there was no request
	verdicts                       []verdict
}

// A verdict is what a host's rules did with a packet, and when.
type verdict struct {
	timeline.Judged
	when
}

// A stall identifies a TCP stream in an experiment.
type stall struct {
	stream     string
	experiment int
}

func newTraffic() traffic {
	return traffic{streams: []Stream{}, packets: map[string][]*journey{}, last: map[string]time.Duration{}, drops: map[stall]int{}, acks: map[stall]int{}}
}

// add takes the next event, which matters if it is about a stream.
func (t *traffic) add(at when, e timeline.Event) {
	switch body := e.Body.(type) {
	case timeline.StreamStarted:
		t.streams = append(t.streams, Stream{
			Name: body.Stream, Protocol: body.Protocol.String(), From: body.From, To: body.To,
			Target: body.Target.String(), ICMPID: body.ICMPID, SourcePort: body.SourcePort, Port: body.Port, PublishedBy: body.PublishedBy, source: body.Source,
		})
	case timeline.Sent:
		j := t.journey(body.Stream, body.Seq)
		j.sent(e)
		j.connecting, j.pushed = body.Connecting, body.Pushed
	case timeline.Connected:
		t.journey(body.Stream, body.Seq).connected = true
	case timeline.NotSent:
		j := t.journey(body.Stream, body.Seq)
		j.sent(e)
		j.local, j.Error = body.Local, body.Error
		j.Outcome = Unsent
	case timeline.Unreached:
		j := t.journey(body.Stream, body.Seq)
		j.Outcome, j.Error = Reset, body.Error
	case timeline.Replied:
		t.replied(e, body)
	case timeline.Judged:
		t.judged(at, body)
	}
}

// judged records a verdict with each packet that it is about.
func (t *traffic) judged(at when, body timeline.Judged) {
	s := t.stream(body.Stream)
	if s == nil {
		return
	}
	tcp := s.Protocol == packet.TCP.String()
	if tcp && !body.Accepted {
		t.drops[stall{body.Stream, at.experiment}]++
	}
	if body.Seq < 1 {
		if !body.Accepted {
			t.acks[stall{body.Stream, at.experiment}]++
		}
		return
	}
	for seq := body.Seq; seq <= max(body.Seq, body.Last); seq++ {
		j := t.journey(body.Stream, seq)
		if tcp && body.Reply == j.pushed && !body.Forwarded && body.Direction == packet.Egress && j.judgedAt(body) {
			s.Retransmitted++
		}
		j.verdicts = append(j.verdicts, verdict{body, at})
		j.refused = j.refused || !body.Accepted
		j.rejected = j.rejected || !body.Accepted && (body.Kind == packet.ByRuleset || body.Kind == packet.ByGateway)
	}
}

// judgedAt reports whether a packet like this one was seen at the same place before.
func (j *journey) judgedAt(v timeline.Judged) bool {
	return slices.ContainsFunc(j.verdicts, func(o verdict) bool {
		return o.Host == v.Host && o.Direction == v.Direction && o.Reply == v.Reply && o.Packet == v.Packet
	})
}

func (t *traffic) replied(e timeline.Event, body timeline.Replied) {
	j := t.journey(body.Stream, body.Seq)
	rtt := ms(body.RTT)
	j.answered, j.repliedAt, j.RTTMS, j.Outcome = true, e.At, &rtt, Replied
	s := t.stream(body.Stream)
	j.belated = s != nil && s.Protocol == packet.TCP.String() && e.Experiment > j.Experiment
	if body.Late {
		j.Outcome = Late
	}
	t.last[body.Stream] = e.At
}

// journey returns the record of one packet. The verdict may arrive before the report that the
// packet was sent.
func (t *traffic) journey(stream string, seq int) *journey {
	const farthest = 1 << 20 // no packet can be further ahead of the others
	if seq < 1 || seq > len(t.packets[stream])+farthest {
		return &journey{}
	}
	for len(t.packets[stream]) < seq {
		t.packets[stream] = append(t.packets[stream], &journey{Packet: Packet{Seq: len(t.packets[stream]) + 1}})
	}
	if j := t.packets[stream][seq-1]; j != nil {
		return j
	}
	return &journey{} // forgotten
}

func (j *journey) sent(e timeline.Event) {
	j.Experiment, j.at, j.AtMS = e.Experiment, e.At, ms(e.At)
	if j.Outcome == "" {
		j.Outcome = Lost
	}
}

// stream returns the stream with that name, or nil.
func (t *traffic) stream(name string) *Stream {
	if i := slices.IndexFunc(t.streams, func(s Stream) bool { return s.Name == name }); i >= 0 {
		return &t.streams[i]
	}
	return nil
}

// settle decides the outcome of a packet from the evidence about it.
func (t *traffic) settle(s *Stream, j *journey) {
	switch {
	case s.Protocol == packet.TCP.String() && (!j.connecting || j.connected):
		// The message was sent into a connection. If nothing comes back and segments were seen to
		// be dropped, it is stuck there.
		stuck := t.drops[stall{s.Name, j.Experiment}] > 0
		switch {
		case stuck && (j.belated || !j.answered && j.Outcome != Reset):
			j.Outcome, j.Belated = Stalled, j.belated
		case j.belated:
			j.Outcome = Late
		}
	case j.rejected && j.Outcome == Reset:
	case j.refused && !j.answered:
		j.Outcome = Refused
	}
}

// soFar returns the outcome of a packet as far as it is known now, or nothing.
func (t *traffic) soFar(stream string, seq int) Outcome {
	s := t.stream(stream)
	if s == nil || seq < 1 || seq > len(t.packets[stream]) || t.packets[stream][seq-1] == nil {
		return ""
	}
	j := *t.packets[stream][seq-1]
	if j.Outcome == "" { // its sender has not yet reported it
		return ""
	}
	at := stall{stream, j.Experiment}
	inFlight := t.drops[at] == t.acks[at] // a message may still arrive without an acknowledgement
	if t.settle(s, &j); j.Outcome == Lost || j.Outcome == Stalled && inFlight {
		return ""
	}
	return j.Outcome
}
