package sim

import (
	"iter"
	"slices"

	"lablab/enforce"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// A place is where packets meet the rules of one direction: those for the host itself, or those that
// it forwards.
type place struct {
	packet.Direction
	forwarded bool
}

var (
	ownIngress     = place{packet.Ingress, false}
	ownEgress      = place{packet.Egress, false}
	forwardIngress = place{packet.Ingress, true}
	forwardEgress  = place{packet.Egress, true}
)

// A counter counts what a rule has accepted.
type counter struct{ packets, bytes uint64 }

// filter decides about a packet at a place, records that, and reports whether the packet may pass.
func (h *host) filter(p *datagram, at place) bool {
	if at != forwardEgress {
		p.mark = 0
	}
	seen := p.seen(at.Direction)
	d := h.model.Judge(enforce.Packet{
		Header: p.Header, Direction: at.Direction, Forwarded: at.forwarded, State: p.state, Reply: p.back, Seen: seen, Flow: h.flow(p.entry),
	}, firewall{h})
	if d.Untracks {
		p.entry.write(packet.UntrackedMark)
	}
	if by, dropped := h.before(p, at, seen); dropped {
		d = enforce.Decision{By: by}
	} else if at == forwardIngress && h.Resets && p.isUnknown() {
		d = enforce.Decision{By: packet.By{Kind: packet.ByGateway, ID: packet.UnknownConnectionID}}
		defer h.reset(p)
	}
	h.record(p, at, d.By, d.Accepted)
	if d.Accepted {
		h.count(p, at, d.By)
		p.markBy(d.By, at)
	}
	switch {
	case d.Write == enforce.Blocking:
		p.entry.write(p.entry.mark | packet.Tombstone)
	case d.Write == enforce.Admitting && at != forwardIngress:
		p.entry.write(p.mark)
	}
	return d.Accepted
}

// write changes the mark of an entry, which conntrack reports with the next packet that passes.
func (e *entry) write(m packet.Mark) {
	if e.mark != m {
		e.mark, e.changed = m, true
	}
}

// markBy has a rule of a group write its number into the mark of a packet.
func (p *datagram) markBy(by packet.By, at place) {
	switch {
	case by.Kind != packet.ByGroup:
	case at.forwarded:
		keep, set := packet.ForwardMark(at.Direction, by.Number)
		p.mark = p.mark&keep | set
	default:
		p.mark = packet.Mark(by.Number)
	}
}

// flow returns what the host's model sees of an entry.
func (h *host) flow(e *entry) *enforce.Flow {
	if e == nil {
		return nil
	}
	f := &enforce.Flow{Orig: e.orig, Mark: e.mark, Began: packet.Ingress}
	switch {
	case h.has(e.orig.Source):
		f.Began = packet.Egress
	case !h.has(e.orig.Destination):
		f.Forwarded = true
	}
	if e.orig.Protocol == packet.TCP {
		f.TCP = e.tcp.state.String()
	}
	return f
}

// isUntracked reports whether the rules decide on each packet of the flow.
func (p *datagram) isUntracked() bool {
	return p.entry != nil && p.state != packet.Related && p.entry.mark == packet.UntrackedMark
}

// seen returns the packet as the groups see it.
func (p *datagram) seen(d packet.Direction) sg.Packet {
	s := sg.Packet{Protocol: p.Protocol, Peer: p.Source, To: int(p.DestinationPort)}
	if d == packet.Egress {
		s.Peer = p.Destination
	}
	if p.Protocol.IsICMP() {
		s.To, s.Code = int(p.ICMPType), int(p.ICMPCode)
	}
	return s
}

// before returns what drops a packet before the host's model decides about it: the network ACL, or
// the source/destination check.
func (h *host) before(p *datagram, at place, seen sg.Packet) (by packet.By, dropped bool) {
	if h.acl != nil {
		if by, denied := denies(h.acl, at.Direction, seen); denied {
			return by, true
		}
	}
	check := packet.By{Kind: packet.ByCheck, ID: packet.SourceDestCheckID}
	return check, at == forwardIngress && !h.Unchecked && !p.replaced()
}

// A firewall is what the rules of a host say.
type firewall struct{ *host }

// Allows returns the first rule of the chain that allows a packet.
func (f firewall) Allows(d packet.Direction, seen sg.Packet) (packet.By, bool) {
	first := len(f.chain)
	for key := range f.allowing(d, seen) {
		first = min(first, f.position(key))
	}
	if first == len(f.chain) {
		return packet.By{}, false
	}
	return packet.By{Kind: packet.ByGroup, ID: f.chain[first].id, Number: f.chain[first].number}, true
}

// Covers reports whether the rule with that number allows a packet.
func (f firewall) Covers(number uint32, d packet.Direction, seen sg.Packet) bool {
	for key := range f.allowing(d, seen) {
		if key.number == number {
			return true
		}
	}
	return false
}

// allowing yields every rule of the chain that allows a packet.
func (f firewall) allowing(d packet.Direction, seen sg.Packet) iter.Seq[ruleKey] {
	return func(yield func(ruleKey) bool) {
		for j := range f.policy.Account.Allowing(f.groups, d, seen) {
			key := ruleKey{d, j.Rule.ID, f.policy.Number(j.Group.Key(), j.Rule.ID)}
			if f.position(key) >= 0 && !yield(key) {
				return
			}
		}
	}
}

// InForce reports whether the chain has the rule with that number.
func (f firewall) InForce(number uint32) bool {
	return slices.ContainsFunc(f.chain, func(r rule) bool { return r.number == number })
}

// Untracked returns the flows that EC2 would not track.
func (f firewall) Untracked() []sg.Untracked { return f.untracked }

// Related reports whether an ICMP error about a known flow needs no rule.
func (f firewall) Related(h packet.Header) bool {
	return enforce.Related(f.related).Accepts(h)
}

// denies returns the rule of a network ACL that denies a packet.
func denies(acl *sg.ACL, d packet.Direction, p sg.Packet) (by packet.By, denied bool) {
	by = packet.By{Kind: packet.ByACL, ID: packet.ACLDefaultDenyID}
	for _, r := range acl.Rules(d) {
		what := sg.Rule{Protocol: r.Protocol, From: r.From, To: r.To}
		if what.AllowsWhat(p) && r.Peer.Contains(p.Peer) {
			by.ID = r.ID()
			return by, !r.Allow
		}
	}
	return by, true
}

// replaced reports whether the host itself is an end of the packet, since it replaces addresses.
func (p *datagram) replaced() bool { return p.entry != nil && p.back && p.entry.translated() }

// record records a decision, and tells the packet's stream.
func (h *host) record(p *datagram, at place, by packet.By, accepted bool) {
	header := p.Header
	header.Size = p.size
	j := timeline.Judged{
		Host: h.Name, Direction: at.Direction, Forwarded: at.forwarded, State: p.state, Accepted: accepted, By: by, Packet: header,
		Stream: p.stream.Stream, Seq: p.first, Reply: p.answers,
	}
	if p.connecting && p.answers && accepted && p.TCPFlags&(packet.SYN|packet.RST) == 0 {
		j.Seq = 0 // an acknowledgement in an earlier connection
	}
	if p.last > p.first {
		j.Last = p.last
	}
	if p.isUntracked() && (p.state == packet.New || p.state == packet.Established) {
		j.State = packet.Untracked
	}
	h.log.Append(j)
	if !accepted && by.Kind != packet.ByGateway {
		p.stream.dropped(p)
	}
}

// isUnknown reports whether a NAT gateway answers a packet with a reset: it is in the middle of a
// connection that the gateway does not know.
func (p *datagram) isUnknown() bool {
	return p.Protocol == packet.TCP && p.state == packet.Invalid && p.TCPFlags&(packet.ACK|packet.RST) == packet.ACK
}

// reset answers a segment in the name of the host that it is for (net/ipv4/netfilter/nf_reject_ipv4.c).
func (h *host) reset(p *datagram) { h.answer(p, packet.RST, p.ack, 0) }

// count counts a packet for what has accepted it.
func (h *host) count(p *datagram, at place, by packet.By) {
	key := ruleKey{at.Direction, by.ID, by.Number}
	if h.counters[key] == nil {
		h.counters[key] = &counter{}
	}
	h.counters[key].packets++
	h.counters[key].bytes += uint64(p.size)
}

// counted returns the counters of the rules in force.
func (h *host) counted() timeline.Counted {
	counted := timeline.Counted{Host: h.Name}
	add := func(key ruleKey) {
		c := timeline.Counter{Direction: key.direction, Rule: key.id, Number: key.number}
		if n := h.counters[key]; n != nil {
			c.Packets, c.Bytes = n.packets, n.bytes
		}
		counted.Counters = append(counted.Counters, c)
	}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		add(ruleKey{d, packet.EstablishedID, 0})
		if h.related != "" {
			add(ruleKey{d, packet.RelatedID, 0})
		}
		for _, r := range h.chain {
			if r.direction == d {
				add(r.ruleKey)
			}
		}
	}
	return counted
}
