package sim

import (
	"time"

	"lablab/packet"
	"lablab/scenario"
	"lablab/timeline"
)

// patience is how long a stream waits for a reply before it considers the packet lost.
const patience = time.Second

// The usual payload sizes, in bytes, if a scenario gives none.
const (
	usualPing    = 56
	usualMessage = 64
)

// A stream sends numbered packets, of which a given number may be sent at a time, at most one per
// interval.
type stream struct {
	scenario.Start
	*session
	from, to *host
	key      packet.Key // of what it sends
	size     int        // bytes of payload

	let     int
	probes  []probe
	waiting int // for how many replies it still waits
	next    *timer
	ready   time.Duration // when the next packet may be sent
	stopped bool
	left    int  // echo requests that have left
	replied bool // the server has answered; over TCP, in the current connection

	// Of TCP:
	end        *endpoint // the sender's; nil while there is no connection
	connecting int       // message for which a connection is being opened; 0 for none
	giveUpAt   *timer
	stuck      bool           // a segment was dropped since the last reply
	begun      map[uint32]int // messages for which connections were opened, by initial sequence number
}

// A probe is one packet of a stream, or one message of a TCP stream.
type probe struct {
	sent             time.Duration
	settled, givenUp bool
}

// release lets the stream send n more packets, the first a moment later.
func (s *stream) release(n int, later time.Duration) {
	s.let += n
	s.stuck = false // the path may work by now
	s.ready = max(s.ready, s.now+later)
	s.plan()
}

// plan has the next packet sent when it may be.
func (s *stream) plan() {
	if s.stopped || s.connecting != 0 || len(s.probes) >= s.let {
		return
	}
	if s.Push && !s.replied && s.waiting > 0 {
		return // who sends next is known once all before are answered or given up
	}
	s.next.cancel()
	s.next = s.after(max(s.ready-s.now, 0), s.send)
}

// send sends the next packet.
func (s *stream) send() {
	s.ready = s.now + s.interval
	seq := len(s.probes) + 1
	if s.Push && !s.replied {
		s.after(s.patience(), func() { s.giveUp(seq) })
	}
	if s.Protocol == packet.TCP {
		s.say(seq)
	} else {
		s.depart(seq)
	}
	s.plan()
}

// depart sends an echo request or a datagram.
func (s *stream) depart(seq int) {
	const header = 8 // bytes, of ICMP and UDP
	p := &datagram{Header: headed(s.key), stream: s, first: seq, last: seq, size: headerSize(s.key.Source.Is6()) + header + s.size}
	if s.Protocol == packet.ICMP {
		p.EchoSeq = uint16(s.left)
	} else {
		p.Length, p.Number = s.size, uint32(seq)
	}
	s.probes = append(s.probes, probe{sent: s.now})
	s.waiting++
	if s.Push && s.replied {
		p.Header, p.answers = headed(s.key.Reversed()), true
		p.Length, p.Number = s.size, uint32(seq)
		s.log.Append(timeline.Sent{Stream: s.Stream, Seq: seq, Pushed: true})
		s.to.send(p)
		return
	}
	if !s.from.send(p) {
		s.settle(seq)
		s.log.Append(timeline.NotSent{Stream: s.Stream, Seq: seq, Local: true, Error: "operation not permitted"})
		return
	}
	s.left++
	s.log.Append(timeline.Sent{Stream: s.Stream, Seq: seq})
}

// probe returns the packet with that number if its fate is not known yet, or nil.
func (s *stream) probe(seq int) *probe {
	if seq < 1 || seq > len(s.probes) || s.probes[seq-1].settled || s.stopped {
		return nil
	}
	return &s.probes[seq-1]
}

// settle says that the fate of a packet is known. It reports whether that is new.
func (s *stream) settle(seq int) bool {
	p := s.probe(seq)
	if p == nil {
		return false
	}
	s.giveUp(seq)
	p.settled = true
	return true
}

// giveUp stops waiting for a reply. One that comes all the same still counts.
func (s *stream) giveUp(seq int) {
	if p := s.probe(seq); p != nil && !p.givenUp {
		p.givenUp = true
		s.waiting--
		if s.Push {
			s.plan()
		}
	}
}

// answer says that the reply to a packet has come.
func (s *stream) answer(seq int) {
	p := s.probe(seq)
	if p == nil {
		return
	}
	rtt := s.now - p.sent
	s.stuck, s.replied = false, true
	s.settle(seq)
	s.log.Append(timeline.Replied{Stream: s.Stream, Seq: seq, RTT: rtt, Late: rtt > patience})
}

// unreach says that an error has come: it is taken to be about the oldest packet without a reply.
func (s *stream) unreach() {
	for i := range s.probes {
		if !s.probes[i].settled && !s.probes[i].givenUp {
			s.unreached(i+1, "connection refused")
			return
		}
	}
}

func (s *stream) unreached(seq int, why string) {
	if s.settle(seq) {
		s.log.Append(timeline.Unreached{Stream: s.Stream, Seq: seq, Error: why})
	}
}

// dropped says that a packet, or what answers it, was dropped.
func (s *stream) dropped(p *datagram) {
	switch {
	case p.first == 0:
	case s.Protocol == packet.TCP && !p.connecting:
		s.stuck = true
		for seq := range s.probes {
			s.giveUp(seq + 1)
		}
	default:
		s.giveUp(p.first)
		if s.connecting == p.first {
			s.after(0, func() { s.abandon(p.first) })
		}
	}
}

// settles lets time pass until all released packets are sent and the fate of each is known.
func (s *stream) settles(done func() bool) {
	for len(s.probes) < s.let || s.connecting != 0 {
		if done() || !s.step(forever) {
			return
		}
	}
	limit := s.now + s.patience()
	for s.waiting > 0 && !done() {
		if !s.step(limit) {
			s.clock.now = max(s.clock.now, limit)
			for seq := range s.probes {
				s.giveUp(seq + 1)
			}
		}
	}
}

// forever is longer than any scenario takes.
const forever = time.Duration(1<<63 - 1)

// patience returns how long to wait for replies: TCP retransmits only after its timeout.
func (s *stream) patience() time.Duration {
	if s.end == nil {
		return patience
	}
	return max(patience, 2*s.end.rto)
}

// stop ends the stream.
func (s *stream) stop() {
	s.next.cancel()
	s.giveUpAt.cancel()
	if s.end != nil {
		s.end.abort()
	}
	s.stopped = true
}
