package sim

import (
	"net/netip"
	"slices"

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
	if !at.forwarded {
		h.markUntracked(p, at.Direction)
	}
	if at != forwardEgress {
		p.mark = 0
	}
	by, accepted := h.decide(p, at)
	h.record(p, at, by, accepted)
	if !accepted {
		return false
	}
	h.count(p, at, by)
	if by.Kind == packet.ByGroup {
		if at.forwarded {
			keep, set := packet.ForwardMark(at.Direction, by.Number)
			p.mark = p.mark&keep | set
		} else {
			p.mark = packet.Mark(by.Number)
		}
	}
	if at != forwardIngress && p.state == packet.New && p.entry.mark != packet.UntrackedMark && p.entry.mark != p.mark {
		p.entry.mark, p.entry.changed = p.mark, true
	}
	return true
}

// markUntracked marks the entry of a flow that EC2 would not track.
func (h *host) markUntracked(p *datagram, d packet.Direction) {
	e := p.entry
	if e == nil || p.state == packet.Related {
		return
	}
	began := d
	if p.back {
		began = d.Opposite()
	}
	first := sg.Packet{Protocol: e.orig.Protocol, Peer: p.peer(d), To: int(p.DestinationPort)}
	if p.back {
		first.To = int(p.SourcePort)
	}
	if slices.ContainsFunc(h.untracked, func(u sg.Untracked) bool { return u.Covers(began, first) }) && e.mark != packet.UntrackedMark {
		e.mark, e.changed = packet.UntrackedMark, true
	}
}

// isUntracked reports whether the rules decide on each packet of the flow.
func (p *datagram) isUntracked() bool {
	return p.entry != nil && p.state != packet.Related && p.entry.mark == packet.UntrackedMark
}

// peer returns the other host, as the groups see it.
func (p *datagram) peer(d packet.Direction) netip.Addr {
	if d == packet.Ingress {
		return p.Source
	}
	return p.Destination
}

// seen returns the packet as the groups see it.
func (p *datagram) seen(d packet.Direction) sg.Packet {
	s := sg.Packet{Protocol: p.Protocol, Peer: p.peer(d), To: int(p.DestinationPort)}
	if p.Protocol.IsICMP() {
		s.To, s.Code = int(p.ICMPType), int(p.ICMPCode)
	}
	return s
}

// decide returns what decides about a packet, in the order in which the kernel's chains do.
func (h *host) decide(p *datagram, at place) (by packet.By, accepted bool) {
	seen := p.seen(at.Direction)
	if h.acl != nil {
		if by, denied := denies(h.acl, at.Direction, seen); denied {
			return by, false
		}
	}
	if at == forwardIngress && !h.Unchecked && !p.replaced() {
		return packet.By{Kind: packet.ByCheck, ID: packet.SourceDestCheckID}, false
	}
	switch {
	case p.state == packet.Established && (at.forwarded || !p.isUntracked()):
		return packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}, true
	case at.Direction == packet.Egress && slices.Contains(sg.Services(), p.Destination):
		return packet.By{Kind: packet.ByService, ID: packet.AmazonServiceID}, true
	case p.state == packet.Related && h.passes(p):
		return packet.By{Kind: packet.ByRelated, ID: packet.RelatedID}, true
	}
	first := len(h.chain)
	for j := range h.policy.Account.Allowing(h.groups, at.Direction, seen) {
		key := ruleKey{at.Direction, j.Rule.ID, h.policy.Number(j.Group.Key(), j.Rule.ID)}
		if i := h.position(key); i >= 0 {
			first = min(first, i)
		}
	}
	if first == len(h.chain) {
		return packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, false
	}
	return packet.By{Kind: packet.ByGroup, ID: h.chain[first].id, Number: h.chain[first].number}, true
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

// passes reports whether an ICMP error about a known flow needs no rule.
func (h *host) passes(p *datagram) bool {
	const tooBig, fragmentationNeeded, tooBigV6 = 3, 4, 2 // type and code, RFC 792; type, RFC 4443
	switch h.related {
	case "all":
		return true
	case "pmtud":
		return p.Protocol == packet.ICMP && p.ICMPType == tooBig && p.ICMPCode == fragmentationNeeded || p.Protocol == packet.ICMPv6 && p.ICMPType == tooBigV6
	}
	return false
}

// record records a decision, and tells the packet's stream.
func (h *host) record(p *datagram, at place, by packet.By, accepted bool) {
	j := timeline.Judged{
		Host: h.Name, Direction: at.Direction, Forwarded: at.forwarded, State: p.state, Accepted: accepted, By: by, Packet: p.Header,
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
	if !accepted {
		p.stream.dropped(p)
	}
}

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
