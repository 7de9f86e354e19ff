package sim

import (
	"time"

	"lablab/packet"
)

// This file follows net/netfilter/nf_conntrack_proto_tcp.c, including the names of its table.

// A tcpState is what conntrack takes a connection's state for.
type tcpState uint8

const (
	sNO tcpState = iota // none yet
	sSS                 // SYN_SENT
	sSR                 // SYN_RECV
	sES                 // ESTABLISHED
	sFW                 // FIN_WAIT
	sCW                 // CLOSE_WAIT
	sLA                 // LAST_ACK
	sTW                 // TIME_WAIT
	sCL                 // CLOSE
	sS2                 // SYN_SENT2
	sIV                 // the packet is invalid
	sIG                 // the packet is ignored
)

func (s tcpState) String() string {
	return [...]string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}[s]
}

// A segment's kind, as the table distinguishes them.
const (
	isSYN = iota
	isSYNACK
	isFIN
	isACK
	isRST
	isNone
)

func kindOf(flags uint8) int {
	switch {
	case flags&packet.RST != 0:
		return isRST
	case flags&packet.SYN != 0 && flags&packet.ACK != 0:
		return isSYNACK
	case flags&packet.SYN != 0:
		return isSYN
	case flags&packet.FIN != 0:
		return isFIN
	case flags&packet.ACK != 0:
		return isACK
	}
	return isNone
}

// transitions has the next state, by direction, kind of segment and state.
var transitions = [2][6][10]tcpState{
	{ // in the direction of the first packet
		isSYN:    {sSS, sSS, sIG, sIG, sIG, sIG, sIG, sSS, sSS, sS2},
		isSYNACK: {sIV, sIV, sSR, sIV, sIV, sIV, sIV, sIV, sIV, sSR},
		isFIN:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		isACK:    {sES, sIV, sES, sES, sCW, sCW, sTW, sTW, sCL, sIV},
		isRST:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		isNone:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
	{ // against it
		isSYN:    {sIV, sS2, sIV, sIV, sIV, sIV, sIV, sSS, sIV, sS2},
		isSYNACK: {sIV, sSR, sIG, sIG, sIG, sIG, sIG, sIG, sIG, sSR},
		isFIN:    {sIV, sIV, sFW, sFW, sLA, sLA, sLA, sTW, sCL, sIV},
		isACK:    {sIV, sIG, sSR, sES, sCW, sCW, sTW, sTW, sCL, sIG},
		isRST:    {sIV, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL, sCL},
		isNone:   {sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV, sIV},
	},
}

// tcpTimeouts are how long conntrack keeps a connection in a state, but for ESTABLISHED.
var tcpTimeouts = [...]time.Duration{
	sSS: 2 * time.Minute, sSR: time.Minute, sFW: 2 * time.Minute, sCW: time.Minute, sLA: 30 * time.Second,
	sTW: 2 * time.Minute, sCL: 10 * time.Second, sS2: 2 * time.Minute,
}

// unacknowledged is how long a connection is kept at most while data is not acknowledged.
const unacknowledged = 5 * time.Minute

// A tcpTrack is what conntrack knows of a connection.
type tcpTrack struct {
	state tcpState
	seen  [2]side
	// Of the last segment:
	lastKind int
	lastBack bool
	lastEnd  uint32
}

// A side is what was seen of one direction.
type side struct {
	known   bool
	end     uint32 // sequence number behind its last data
	ack     uint32 // the greatest that it sent
	acked   bool   // whether it sent any
	due     bool   // its data is not acknowledged yet
	lenient bool   // picked up mid-stream: nothing is out of its window
	closes  bool
}

// far is beyond every window of a connection. Conntrack checks windows exactly; here it matters only
// whether a segment belongs to this connection or to an earlier one.
const far = 1 << 20

// mayBegin reports whether a segment can begin an entry.
func (t *table) mayBegin(p *datagram, e *entry) bool {
	switch transitions[0][kindOf(p.TCPFlags)][sNO] {
	case sIV:
		return false
	case sES:
		if !t.loose {
			return false
		}
		e.tcp.seen[0].lenient, e.tcp.seen[1].lenient = true, true
	}
	e.tcp.lastKind = isNone
	return true
}

// tcp follows a connection. It returns false if the segment cannot belong to it, or if it begins
// another one, for which it is to be looked up again.
func (t *table) tcp(p *datagram) (valid, again bool) {
	e, c, way := p.entry, &p.entry.tcp, 0
	if p.back {
		way = 1
	}
	kind, old := kindOf(p.TCPFlags), c.state
	next, check := transitions[way][kind][old], true
	if next == sSS && old >= sTW {
		if c.seen[0].closes || c.seen[1].closes || c.lastBack == p.back && c.lastKind == isRST {
			t.kill(e)
			return false, true // it reopens a connection that is over
		}
		next = sIG
	}
	switch next {
	case sIV:
		return false, false
	case sIG:
		if kind == isSYNACK && c.lastKind == isSYN && c.lastBack != p.back && p.ack == c.lastEnd {
			// It answers a SYN that was ignored: the ends agree on a connection.
			other := &c.seen[1-way]
			*other = side{known: true, end: c.lastEnd}
			c.seen[way] = side{}
			old, next = sSS, sSR
			break
		}
		c.lastKind, c.lastBack, c.lastEnd = kind, p.back, p.end()
		return true, false
	case sCL:
		if kind == isRST {
			var ok bool
			if next, check, ok = c.reset(p, old, e); !ok {
				return false, false
			}
		}
	}
	if check {
		if inside, belongs := c.window(p, way, kind); !belongs {
			return false, false
		} else if !inside {
			return true, false // an old duplicate
		}
	}
	c.lastKind, c.lastBack, c.state = kind, p.back, next
	if kind == isACK {
		c.lastEnd = p.end()
	}
	if old != next && next == sFW {
		c.seen[way].closes = true
	}
	if old != next {
		e.changed, e.tcpChanged = true, true
	}
	t.lastTCP(p, kind, old)
	return true, false
}

// lastTCP decides how long the entry lasts after a segment that belongs to it.
func (t *table) lastTCP(p *datagram, kind int, old tcpState) {
	e := p.entry
	timeout := t.TCPEstablished
	if e.tcp.state != sES {
		timeout = tcpTimeouts[e.tcp.state]
	}
	switch {
	case kind == isRST:
		timeout = tcpTimeouts[sCL]
	case e.tcp.seen[0].due || e.tcp.seen[1].due:
		timeout = min(timeout, unacknowledged)
	}
	switch {
	case !e.seenReply && kind == isRST:
		t.count(p)
		t.kill(e) // a refused attempt is over
		return
	case !e.seenReply && kind == isSYN && old == sSS:
		return // a SYN that is sent again does not prolong the entry
	case !e.seenReply && e.tcp.state == sES:
		timeout = min(timeout, unacknowledged)
	case e.seenReply && !e.assured && (old == sSR || old == sES) && e.tcp.state == sES:
		e.assured, e.changed = true, true
	}
	t.refresh(p, timeout)
}

// reset takes an RST. It returns the next state, whether the window still has to be checked, and
// false if the RST is invalid.
func (c *tcpTrack) reset(p *datagram, old tcpState, e *entry) (next tcpState, check, valid bool) {
	other := &c.seen[0]
	if !p.back {
		other = &c.seen[1]
	}
	if old == sCL || old == sTW || old == sLA {
		return sCL, false, true
	}
	if other.acked && c.lastKind != isSYN {
		established := old == sES || old == sCW
		switch {
		case p.TCPSeq == 0 && !established:
			return sCL, true, true
		case int32(p.TCPSeq-other.ack) < 0:
			return old, false, false
		case !established, p.TCPSeq == other.ack, c.lastKind == isACK && c.lastBack == p.back && p.TCPSeq == c.lastEnd:
			return sCL, true, true
		}
		return old, true, true // not exact: the connection may go on
	}
	if (e.seenReply && c.lastKind == isSYN || !e.assured && c.lastKind == isACK) && p.ack == c.lastEnd {
		return sCL, false, true // it answers a SYN or an ACK that was ignored
	}
	return sCL, true, true
}

// window reports whether a segment is one of this connection, and whether it is not older than what
// was seen.
func (c *tcpTrack) window(p *datagram, way, kind int) (inside, belongs bool) {
	sender, receiver := &c.seen[way], &c.seen[1-way]
	seq, end, ack := p.TCPSeq, p.end(), p.ack
	if p.TCPFlags&packet.ACK == 0 {
		ack = receiver.end
	}
	if kind == isRST && seq == 0 && c.state == sSS {
		seq, end = sender.end, sender.end
	}
	switch {
	case !sender.known:
		sender.known, sender.end = true, seq
	case c.state == sSS && way == 0 && kind == isSYN:
		*sender = side{known: true, end: seq, lenient: sender.lenient}
	}
	if kind == isRST && p.TCPFlags&packet.ACK != 0 && ack != 0 && !receiver.known && !receiver.lenient {
		return false, int32(ack) < 0 // replies take another way: what it acknowledges was not seen
	}
	if !sender.lenient {
		ahead := int32(seq - sender.end)
		known := receiver.known && kind != isRST
		switch {
		case ahead > far, known && int32(ack-receiver.end) > 0:
			return false, false
		case receiver.known && ahead < -far, known && int32(ack-receiver.end) < -far:
			return false, true
		}
	}
	if int32(end-sender.end) > 0 {
		sender.end, sender.due = end, p.Length > 0 || sender.due
	}
	if p.TCPFlags&packet.ACK != 0 {
		if !sender.acked || int32(ack-sender.ack) > 0 {
			sender.ack, sender.acked = ack, true
		}
		if ack == receiver.end {
			receiver.due = false
		}
	}
	return true, true
}

// end returns the sequence number behind the segment.
func (p *datagram) end() uint32 {
	end := p.TCPSeq + uint32(p.Length)
	if p.TCPFlags&(packet.SYN|packet.FIN) != 0 {
		end++
	}
	return end
}
