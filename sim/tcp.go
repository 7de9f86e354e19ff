package sim

import (
	"net/netip"
	"time"

	"lablab/packet"
	"lablab/timeline"
)

// An endpoint is one end of a connection. Servers echo all that they receive.
type endpoint struct {
	*stream
	host   *host
	key    packet.Key // of what it sends
	client bool
	open   bool              // the connection is established
	first  int               // message at the start of the connection
	iss    uint32            // initial sequence number
	una    uint32            // what was sent and not acknowledged begins here
	nxt    uint32            // next to be sent
	end    uint32            // behind all that is to be sent
	top    uint32            // behind all that was ever sent
	rcv    uint32            // next to be received
	irs    uint32            // initial sequence number of the other end
	held   map[uint32]uint32 // received ahead of rcv: ends, by beginnings
	window uint32            // bytes that may be on their way
	rto    time.Duration
	timer  *timer // retransmission
	delay  *timer // of an acknowledgement
	tries  int    // of the SYN
	alive  *timer // until a keepalive
}

const (
	maxSegment  = 1448            // bytes, on Ethernet with timestamps
	maxBurst    = 60 * 1024       // bytes that leave as one packet (TSO)
	firstWindow = 10 * maxSegment // RFC 6928
	firstRTO    = 200 * time.Millisecond
	mostRTO     = time.Second // net.ipv4.tcp_rto_max_ms
	delayedACK  = 40 * time.Millisecond
	quickRetry  = 8 * time.Millisecond // TCP_TIMEOUT_MIN of Linux
)

// say sends a message over the connection. Without one, it opens one first.
func (s *stream) say(seq int) {
	s.probes = append(s.probes, probe{sent: s.now})
	s.waiting++
	if s.end == nil {
		s.connect(seq)
		return
	}
	if s.stuck {
		s.giveUp(seq)
	}
	pushed := s.Push && s.replied
	s.log.Append(timeline.Sent{Stream: s.Stream, Seq: seq, Pushed: pushed})
	if !pushed {
		s.end.write(uint32(s.size))
	} else if server := s.to.ends[s.key.Reversed()]; server != nil {
		server.write(uint32(s.size))
	}
}

// connect opens a connection for a message.
func (s *stream) connect(seq int) {
	s.log.Append(timeline.Sent{Stream: s.Stream, Seq: seq, Connecting: true})
	s.isn += 1 << 24 // no two connections are near each other
	e := &endpoint{stream: s, host: s.from, key: s.key, client: true, first: seq, iss: s.isn, rto: mostRTO}
	e.una, e.nxt, e.end, e.top, e.held, e.window = e.iss, e.iss+1, e.iss+1, e.iss+1, map[uint32]uint32{}, firstWindow
	s.connecting, s.begun[e.iss], s.replied = seq, seq, false
	s.from.ends[e.key] = e
	s.end = e
	s.giveUpAt = s.after(patience, func() { s.abandon(seq) })
	e.syn()
}

// syn sends a SYN.
func (e *endpoint) syn() {
	e.timer.cancel()
	e.timer = e.after(e.rto, func() { e.tries++; e.syn() })
	e.transmit(packet.SYN, e.iss, 0)
}

// abandon gives up an attempt to connect.
func (s *stream) abandon(seq int) {
	if s.connecting != seq || seq == 0 {
		return
	}
	s.giveUp(seq)
	s.hangUp()
	s.plan()
}

// hangUp forgets the connection.
func (s *stream) hangUp() {
	s.giveUpAt.cancel()
	s.connecting = 0
	if s.end != nil {
		s.end.close()
		s.end = nil
	}
}

// close frees the port.
func (e *endpoint) close() {
	e.timer.cancel()
	e.delay.cancel()
	e.alive.cancel()
	e.open = false
	if e.host.ends[e.key] == e {
		delete(e.host.ends, e.key)
	}
}

// abort resets the connection.
func (e *endpoint) abort() {
	if e.open {
		e.transmit(packet.RST|packet.ACK, e.top, 0)
	}
	e.stream.hangUp()
}

// established says that the connection is open: its first message is sent now.
func (e *endpoint) established(seg *datagram) {
	e.timer.cancel()
	e.giveUpAt.cancel()
	e.open, e.una, e.irs, e.rcv, e.rto = true, e.iss+1, seg.TCPSeq, seg.TCPSeq+1, firstRTO
	seq := e.connecting
	e.connecting = 0
	e.probes[seq-1].sent = e.now
	e.log.Append(timeline.Connected{Stream: e.Stream, Seq: seq})
	e.transmit(packet.ACK, e.nxt, 0)
	e.write(uint32(e.size))
	e.plan()
	e.keepAlive()
}

// keepAlive asks whether the server is there, by a segment that the server has acknowledged already,
// after each time of silence (tcp_keepalive_timer of Linux).
func (e *endpoint) keepAlive() {
	if e.Keepalive == 0 || !e.client {
		return
	}
	e.alive.cancel()
	e.alive = e.after(e.Keepalive, func() {
		if e.una == e.nxt {
			e.transmit(packet.ACK, e.nxt-1, 0)
		}
		e.keepAlive()
	})
}

// write sends bytes as soon as possible.
func (e *endpoint) write(n uint32) {
	e.end += n
	e.flush()
}

// flush sends what may be sent now.
func (e *endpoint) flush() {
	for e.open && e.nxt != e.end && e.nxt-e.una < e.window {
		n := min(e.end-e.nxt, e.window-(e.nxt-e.una), maxBurst)
		e.transmit(packet.PSH|packet.ACK, e.nxt, int(n))
		e.nxt += n
		if int32(e.nxt-e.top) > 0 {
			e.top = e.nxt
		}
	}
	if e.open && e.una != e.nxt && (e.timer == nil || e.timer.do == nil) {
		e.timer = e.after(e.rto, e.retransmit)
	}
}

// retransmit sends the oldest data again, and nothing new before it is acknowledged: one segment may
// be on its way, even if it is a small one.
func (e *endpoint) retransmit() {
	e.timer = nil
	e.rto = min(2*e.rto, mostRTO)
	e.nxt, e.window = e.una, min(e.top-e.una, maxSegment)
	e.flush()
}

// transmit sends a segment.
func (e *endpoint) transmit(flags uint8, seq uint32, length int) {
	const header, options, ofSYN = 20, 12, 20 // bytes
	e.delay.cancel()
	p := &datagram{Header: headed(e.key), stream: e.stream, answers: !e.client, size: headerSize(e.key.Source.Is6()) + header + options + length}
	p.TCPSeq, p.TCPFlags, p.Length = seq, flags, length
	if flags&packet.ACK != 0 {
		p.ack = e.rcv
	}
	if flags&packet.SYN != 0 {
		p.size += ofSYN - options
		p.first, p.last, p.connecting = e.first, e.first, true
	}
	if length > 0 {
		offset := int(seq - e.iss - 1)
		p.first, p.last = e.first+offset/e.size, e.first+(offset+length-1)/e.size
	}
	e.host.send(p)
}

// segment takes a segment that has arrived.
func (h *host) segment(p *datagram) {
	key := p.Key().Reversed()
	if e := h.ends[key]; e != nil {
		e.receive(p)
		return
	}
	serves := h.listening[netip.AddrPortFrom(key.Source, key.SourcePort)][packet.TCP]
	switch {
	case p.TCPFlags&packet.RST != 0:
	case serves && p.TCPFlags&packet.SYN != 0 && p.TCPFlags&packet.ACK == 0:
		h.answer(p, packet.SYN|packet.ACK, cookie(p.TCPSeq), p.TCPSeq+1)
	case serves && p.ack == cookie(p.TCPSeq-1)+1:
		h.accept(p, key).receive(p)
	case p.TCPFlags&packet.ACK != 0:
		h.answer(p, packet.RST, p.ack, 0)
	default:
		h.answer(p, packet.RST|packet.ACK, 0, p.end())
	}
}

// cookie returns the initial sequence number with which a server answers a SYN. It keeps nothing of
// an attempt, and knows its answer again (SYN cookies).
func cookie(seq uint32) uint32 { return seq ^ 1<<31 }

// accept makes the server's end of a connection from the segment that acknowledges its SYN-ACK.
func (h *host) accept(p *datagram, key packet.Key) *endpoint {
	e := &endpoint{stream: p.stream, host: h, key: key, open: true, rto: firstRTO, held: map[uint32]uint32{}, window: firstWindow}
	e.iss, e.irs, e.rcv = p.ack-1, p.TCPSeq-1, p.TCPSeq
	e.una, e.nxt, e.end, e.top = p.ack, p.ack, p.ack, p.ack
	e.first = p.stream.begun[e.irs]
	h.ends[key] = e
	return e
}

// answer sends a segment that belongs to no connection.
func (h *host) answer(p *datagram, flags uint8, seq, ack uint32) {
	answer := &datagram{Header: headed(p.Key().Reversed()), stream: p.stream, answers: !p.answers, ack: ack}
	answer.TCPSeq, answer.TCPFlags = seq, flags
	const header, options = 20, 20 // bytes
	answer.size = headerSize(p.Source.Is6()) + header
	if flags&packet.SYN != 0 {
		answer.size += options
	}
	answer.attribute(p)
	h.send(answer)
}

// attribute says which attempt to connect a segment answers, if its sender still waits for one.
func (p *datagram) attribute(to *datagram) {
	switch {
	case !p.answers:
	case to.connecting:
		p.first, p.last, p.connecting = to.first, to.last, true
	}
}

// receive takes a segment of a connection.
func (e *endpoint) receive(p *datagram) {
	switch syn := p.TCPFlags&packet.SYN != 0; {
	case p.TCPFlags&packet.RST != 0:
		e.reset(p)
	case !e.open:
		e.shake(p)
	case syn:
		e.challenge(p)
	default:
		e.keepAlive()
		e.acknowledged(p.ack)
		if p.Length > 0 {
			e.take(p)
		} else if p.TCPSeq == e.rcv-1 { // a keepalive
			e.transmit(packet.ACK, e.nxt, 0)
		}
	}
}

// shake takes the answer to a SYN.
func (e *endpoint) shake(p *datagram) {
	switch {
	case p.TCPFlags&packet.ACK == 0:
	case p.ack != e.iss+1: // of an earlier connection from this port
		e.host.answer(p, packet.RST, p.ack, 0)
		if e.tries == 0 {
			e.timer.cancel()
			e.timer = e.after(quickRetry, func() { e.tries++; e.syn() })
		}
	case p.TCPFlags&packet.SYN != 0:
		e.established(p)
	}
}

// challenge answers a SYN in a connection with an acknowledgement (RFC 5961 section 4).
func (e *endpoint) challenge(p *datagram) {
	e.host.answer(p, packet.ACK, e.nxt, e.rcv)
}

// reset takes an RST.
func (e *endpoint) reset(p *datagram) {
	switch {
	case !e.open && p.ack == e.iss+1:
		seq := e.connecting
		e.unreached(seq, "connection refused")
		e.stream.hangUp()
		e.plan()
	case !e.open, p.TCPSeq-e.rcv > far: // outside the window
	case p.TCPSeq != e.rcv:
		e.transmit(packet.ACK, e.nxt, 0)
	case !e.client:
		e.close()
	default:
		e.stream.hangUp()
		for i := range e.probes {
			e.unreached(i+1, "connection reset by peer")
		}
	}
}

// acknowledged takes an acknowledgement, which makes room for more.
func (e *endpoint) acknowledged(ack uint32) {
	n := ack - e.una
	if n == 0 || n > e.top-e.una {
		return
	}
	e.una = ack
	if int32(e.nxt-e.una) < 0 {
		e.nxt = e.una
	}
	e.window += n
	e.rto = firstRTO
	e.timer.cancel()
	e.timer = nil
	e.flush()
}

// take takes data. A server sends it back; a client recognizes the messages that are complete.
func (e *endpoint) take(p *datagram) {
	end := p.end()
	if int32(end-e.rcv) <= 0 || p.TCPSeq-e.rcv > far && int32(p.TCPSeq-e.rcv) > 0 {
		e.transmit(packet.ACK, e.nxt, 0) // a duplicate
		return
	}
	if int32(p.TCPSeq-e.rcv) > 0 {
		e.held[p.TCPSeq] = end
		e.transmit(packet.ACK, e.nxt, 0)
		return
	}
	was := e.rcv
	e.rcv = end
	for again := true; again; {
		again = false
		for from, to := range e.held {
			if int32(from-e.rcv) <= 0 {
				delete(e.held, from)
				if int32(to-e.rcv) > 0 {
					e.rcv, again = to, true
				}
			}
		}
	}
	e.delay.cancel()
	e.delay = e.after(delayedACK, func() { e.transmit(packet.ACK, e.nxt, 0) })
	if !e.client {
		e.write(e.rcv - was)
		return
	}
	size := uint32(e.size)
	for n := (was - e.irs - 1) / size; n < (e.rcv-e.irs-1)/size; n++ {
		e.stream.answer(e.first + int(n))
	}
}
