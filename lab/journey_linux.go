package lab

import (
	"net/netip"
	"slices"

	"lablab/nft"
	"lablab/packet"
	"lablab/pinger"
	"lablab/scenario"
)

// The ICMP types that a stream consists of (RFC 792, RFC 4443).
const (
	echoReply     = 0
	echoRequest   = 8
	echoRequestV6 = 128
	echoReplyV6   = 129
)

// The journeys of one stream are its packets' ways there and back.
type journeys struct {
	scenario.Start
	stream   *pinger.Stream
	unsent   int          // ICMP packets that the sender's own rules have dropped so far
	finished map[int]bool // by sequence number: whether the last verdict was seen
	gaveUp   int          // the sequence number up to which no more verdicts are expected
	// For UDP, and TCP's attempts to connect: the packets by the tag in their headers. In IPv4 each
	// packet has its own tag; in IPv6 all packets of a flow share one.
	tags   map[uint32][]int
	errors map[errorsAt]int
	masks  []netip.Addr // that hosts gave to the stream's packets as their source
	// For TCP: begun maps a connection's initial sequence number to the message that it was opened
	// for; the other two hold the initial sequence numbers that each host saw last, there and back.
	begun       map[uint32]int
	there, back map[string]uint32
}

func newJourneys(a scenario.Start, stream *pinger.Stream) *journeys {
	return &journeys{
		Start: a, stream: stream, finished: map[int]bool{}, tags: map[uint32][]int{}, errors: map[errorsAt]int{},
		begun: map[uint32]int{}, there: map[string]uint32{}, back: map[string]uint32{},
	}
}

// keyOf returns the key of the stream that a packet may belong to, and whether the packet must be a
// reply.
func keyOf(p packet.Header) (key streamKey, reply bool) {
	key = streamKey{protocol: p.Protocol, source: p.Source, target: p.Destination, sourcePort: p.SourcePort, port: p.DestinationPort}
	switch {
	case isEcho(p, echoRequest, echoRequestV6):
		key.sourcePort = p.EchoID
	case isEcho(p, echoReply, echoReplyV6):
		key.sourcePort = p.EchoID
		return key.reversed(), true
	}
	return key, false
}

func isEcho(p packet.Header, v4, v6 uint8) bool {
	return p.Protocol == packet.ICMP && p.ICMPType == v4 || p.Protocol == packet.ICMPv6 && p.ICMPType == v6
}

// A part is what one packet of a stream carries: the messages from first to last, or none (0) if
// the packet only keeps a connection going.
type part struct {
	first, last int
	connecting  bool // it opens a TCP connection for the message, or answers the attempt
}

// part returns what a packet carries, and whether that is known yet.
func (j *journeys) part(host string, v nft.Verdict, reply bool) (p part, known bool) {
	switch j.Protocol {
	case packet.UDP:
		seq := int(v.Packet.Number)
		if !reply {
			j.tagged(v.Packet.Tag, seq)
		}
		return part{first: seq, last: seq}, true
	case packet.TCP:
		return j.segment(host, v, reply)
	}
	seq := j.stream.Seq(v.Packet.EchoSeq)
	if host == j.From && v.Direction == packet.Egress && !reply && !v.Accepted {
		seq = j.stream.Failed(j.unsent)
		j.unsent++
	}
	return part{first: seq, last: seq}, true
}

// tagged records the tag of a packet.
func (j *journeys) tagged(tag uint32, seq int) {
	if !slices.Contains(j.tags[tag], seq) {
		j.tags[tag] = append(j.tags[tag], seq)
	}
}

// quoted returns the packet that an ICMP error is about, if the stream has one with that tag. If
// several share the tag, the first error is about the first packet, since errors arrive in order.
func (j *journeys) quoted(host string, tag uint32) (seq int, found bool) {
	list := j.tags[tag]
	if len(list) == 0 {
		return 0, false
	}
	seen := j.errors[errorsAt{host, tag}]
	j.errors[errorsAt{host, tag}]++
	return list[min(seen, len(list)-1)], true
}

// An errorsAt identifies ICMP errors by where they were seen and by the tag that they quote.
type errorsAt struct {
	host string
	tag  uint32
}

// segment returns which messages a TCP segment carries, by its place in the connection. A SYN
// stands for the message that the connection is opened for, and so does whatever answers it: a
// SYN-ACK, a reset, or the ACK of a server that still has an earlier connection from that port
// (challenge ACK, RFC 5961 section 4).
func (j *journeys) segment(host string, v nft.Verdict, reply bool) (p part, known bool) {
	switch syn := v.Packet.TCPFlags&packet.SYN != 0; {
	case syn && !reply:
		return j.attempt(host, v)
	case syn:
		j.back[host] = v.Packet.TCPSeq
		return j.answer(host)
	}
	reset := v.Packet.TCPFlags&packet.RST != 0
	if v.Packet.Length == 0 && reply && j.connecting(host) && (reset || !v.Accepted) {
		return j.answer(host)
	}
	if v.Packet.Length == 0 {
		return part{}, true
	}
	began := j.there[host]
	if reply {
		began = j.back[host]
	}
	attempt, _ := j.attempted(host)
	first, known := j.begun[attempt]
	if !known {
		return part{}, false
	}
	size, offset := sizeOf(j.Start), int(int32(v.Packet.TCPSeq-began-1))
	p = part{first: first + offset/size, last: first + (offset+v.Packet.Length-1)/size}
	if offset < 0 || p.last > j.stream.Len()+1 {
		return part{}, true // from an earlier connection
	}
	return p, true
}

// attempt returns the message that a connection attempt is for. Attempts leave their host in order;
// the other host can tell only after the sender's verdict was read.
func (j *journeys) attempt(host string, v nft.Verdict) (p part, known bool) {
	if was, attempted := j.there[host]; !attempted || was != v.Packet.TCPSeq { // it has no answer yet
		j.there[host] = v.Packet.TCPSeq
		for other := range j.back {
			if _, there := j.there[other]; other == host || !there && host == j.To {
				delete(j.back, other)
			}
		}
	}
	seq, known := j.begun[v.Packet.TCPSeq]
	if !known && (host != j.From || v.Direction != packet.Egress) {
		return part{}, false
	}
	if !known {
		seq = j.stream.Attempt(len(j.begun))
		j.begun[v.Packet.TCPSeq] = seq
	}
	j.tagged(v.Packet.Tag, seq)
	return part{first: seq, last: seq, connecting: true}, true
}

// attempted returns the initial sequence number of the connection attempt that a host saw last. A host
// that is on the way back only sees the answers to those that arrived.
func (j *journeys) attempted(host string) (number uint32, attempted bool) {
	if number, attempted = j.there[host]; !attempted {
		number, attempted = j.there[j.To]
	}
	return number, attempted
}

// connecting reports whether a host has seen a connection attempt and no SYN-ACK since.
func (j *journeys) connecting(host string) bool {
	_, attempted := j.attempted(host)
	_, answered := j.back[host]
	return attempted && !answered
}

// answer returns the message whose connection attempt a host saw last.
func (j *journeys) answer(host string) (p part, known bool) {
	attempt, _ := j.attempted(host)
	seq, known := j.begun[attempt]
	return part{first: seq, last: seq, connecting: true}, known
}

// judge updates the fate of a packet from a verdict on it.
func (j *journeys) judge(host string, v nft.Verdict, p part, reply bool) {
	over := !v.Accepted || reply && host == j.From && v.Direction == packet.Ingress
	if p.first == 0 {
		return
	}
	if over && (!p.connecting || !v.Accepted) {
		for seq := p.first; seq <= p.last; seq++ {
			j.finished[seq] = true
		}
	}
	told := v.Rejected && j.Protocol != packet.ICMP && host != j.From // or the message that tells it is seen to be dropped
	switch {
	case v.Accepted, told:
	case j.Protocol == packet.TCP && !p.connecting:
		j.stream.Stuck()
	default:
		j.stream.Dropped(p.first)
	}
}

// reported reports whether the kernel has reported the final verdict on every packet whose fate the
// sender knows.
func (j *journeys) reported() bool {
	for _, p := range j.stream.Probes() {
		due := p.Fate == pinger.Replied || p.Fate == pinger.Late || p.Fate == pinger.LocalDrop
		if due && p.Seq > j.gaveUp && !j.finished[p.Seq] {
			return false
		}
	}
	return true
}

func (j *journeys) giveUp() { j.gaveUp = j.stream.Len() }
