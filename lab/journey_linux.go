package lab

import (
	"slices"

	"lablab/nft"
	"lablab/packet"
	"lablab/pinger"
	"lablab/scenario"
)

// Types of ICMP that a stream consists of (RFC 792, RFC 4443).
const (
	echoReply     = 0
	echoRequest   = 8
	echoRequestV6 = 128
	echoReplyV6   = 129
)

// Journeys are the packets of one stream on their way there and back.
type journeys struct {
	scenario.Start
	stream   *pinger.Stream
	unsent   int          // packets of ICMP that the sender's own rules dropped, so far
	finished map[int]bool // by sequence number: the last verdict about it was seen
	gaveUp   int          // up to that sequence number, nothing more is waited for
	// Of UDP: the packets by what their headers are told apart by: each of its own in
	// IPv4, all of a flow the same in IPv6.
	tags   map[uint32][]int
	errors map[errorsAt]int
	// Of TCP: which message a connection was begun for, by its first sequence number;
	// and those numbers of the connection that each host has seen last, there and back.
	begun       map[uint32]int
	there, back map[string]uint32
}

func newJourneys(a scenario.Start, stream *pinger.Stream) *journeys {
	return &journeys{
		Start: a, stream: stream, finished: map[int]bool{}, tags: map[uint32][]int{}, errors: map[errorsAt]int{},
		begun: map[uint32]int{}, there: map[string]uint32{}, back: map[string]uint32{},
	}
}

// keyOf is the stream that a packet may belong to, and whether it is surely a reply.
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

// A part of a stream is what one packet carries: the messages from first to last, or
// none (0) if it only keeps a connection going.
type part struct{ first, last int }

// part says what a packet carries, and whether that is clear yet.
func (j *journeys) part(host string, v nft.Verdict, reply bool) (p part, known bool) {
	switch j.Protocol {
	case packet.UDP:
		seq := int(v.Packet.Number)
		if !reply {
			j.tagged(v.Packet.Tag, seq)
		}
		return part{seq, seq}, true
	case packet.TCP:
		return j.segment(host, v, reply)
	}
	seq := j.stream.Seq(v.Packet.EchoSeq)
	if host == j.From && v.Direction == packet.Egress && !reply && !v.Accepted {
		seq = j.stream.Failed(j.unsent)
		j.unsent++
	}
	return part{seq, seq}, true
}

// tagged notes by which tag a packet is known.
func (j *journeys) tagged(tag uint32, seq int) {
	if !slices.Contains(j.tags[tag], seq) {
		j.tags[tag] = append(j.tags[tag], seq)
	}
}

// quoted is the packet that an ICMP error is about, if the stream has one with that tag.
// Of several with the same the first error is about the first, as they come in order.
func (j *journeys) quoted(host string, tag uint32) (seq int, found bool) {
	list := j.tags[tag]
	if len(list) == 0 {
		return 0, false
	}
	seen := j.errors[errorsAt{host, tag}]
	j.errors[errorsAt{host, tag}]++
	return list[min(seen, len(list)-1)], true
}

// errorsAt is where ICMP errors about packets with a tag are seen.
type errorsAt struct {
	host string
	tag  uint32
}

// segment says which messages a segment of TCP carries, by its place in the
// connection. A SYN stands for the message for which a connection is made.
func (j *journeys) segment(host string, v nft.Verdict, reply bool) (p part, known bool) {
	began := j.there
	if reply {
		began = j.back
	}
	if v.Packet.TCPFlags&packet.SYN != 0 {
		began[host] = v.Packet.TCPSeq
		if !reply {
			return j.attempt(host, v)
		}
		seq, known := j.begun[j.there[host]]
		return part{seq, seq}, known
	}
	if _, answered := j.back[host]; reply && v.Packet.TCPFlags&packet.RST != 0 && !answered {
		seq, known := j.begun[j.there[host]] // in the place of a SYN-ACK
		return part{seq, seq}, known
	}
	if v.Packet.Length == 0 {
		return part{}, true
	}
	first, known := j.begun[j.there[host]]
	if !known {
		return part{}, false
	}
	size, offset := sizeOf(j.Start), int(int32(v.Packet.TCPSeq-began[host]-1))
	p = part{first + offset/size, first + (offset+v.Packet.Length-1)/size}
	if offset < 0 || p.last > j.stream.Len()+1 {
		return part{}, true // of an earlier connection
	}
	return p, true
}

// attempt says for which message a connection is being made. The attempts leave
// their host in order; elsewhere it is known when that has been told.
func (j *journeys) attempt(host string, v nft.Verdict) (p part, known bool) {
	seq, known := j.begun[v.Packet.TCPSeq]
	if !known && (host != j.From || v.Direction != packet.Egress) {
		return part{}, false
	}
	if !known {
		seq = j.stream.Attempt(len(j.begun))
		j.begun[v.Packet.TCPSeq] = seq
	}
	return part{seq, seq}, true
}

// judge draws the conclusions from a verdict about a packet.
func (j *journeys) judge(host string, v nft.Verdict, p part, reply bool) {
	over := !v.Accepted || reply && host == j.From && v.Direction == packet.Ingress
	if p.first == 0 {
		return
	}
	attempt := v.Packet.TCPFlags&(packet.SYN|packet.RST) != 0 // to connect, or the answer to one
	if over && (j.Protocol != packet.TCP || !attempt || !v.Accepted) {
		for seq := p.first; seq <= p.last; seq++ {
			j.finished[seq] = true
		}
	}
	switch {
	case v.Accepted:
	case j.Protocol == packet.TCP && !attempt:
		j.stream.Stuck()
	default:
		j.stream.Dropped(p.first)
	}
}

// reported reports whether the kernel has told the end of the journey of every packet
// whose fate the sender knows.
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
