package sim

import (
	"net/netip"
	"slices"
	"time"

	"lablab/enforce"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
)

// latency is how long a packet takes from one host to the next.
const latency = 20 * time.Microsecond

// A host is a machine of the lab.
type host struct {
	scenario.Host
	*session
	model     enforce.Model
	table     *table
	groups    []*sg.Group
	acl       *sg.ACL
	untracked []sg.Untracked
	chain     []rule
	counters  map[ruleKey]*counter

	tags      uint32 // of the last packet
	listening map[netip.AddrPort]map[packet.Protocol]bool
	ends      map[packet.Key]*endpoint // of connections, by the key of what they send
}

func newHost(h scenario.Host, s *session) *host {
	t := &table{clock: s.clock, Timeouts: &s.timeouts, log: s.log, host: h.Name, byKey: map[packet.Key]*entry{}, natted: h.Masquerade, loose: s.loose}
	if h.Timeouts != nil {
		t.Timeouts = h.Timeouts
	}
	model := h.Enforcement()
	if loose := model.Traits().Loose; loose != nil {
		t.loose = *loose
	}
	return &host{
		Host: h, session: s, model: model, table: t, counters: map[ruleKey]*counter{},
		listening: map[netip.AddrPort]map[packet.Protocol]bool{}, ends: map[packet.Key]*endpoint{},
	}
}

// has reports whether an address is the host's.
func (h *host) has(a netip.Addr) bool {
	return slices.ContainsFunc(h.Addresses(), func(p netip.Prefix) bool { return p.Addr() == a })
}

// tag returns what distinguishes a packet of the host from all others.
func (h *host) tag() uint32 {
	h.tags++
	return h.tags
}

// send lets a packet leave. It returns false if the host's own rules drop it.
func (h *host) send(p *datagram) bool {
	p.Tag = h.tag()
	h.table.track(p)
	if !h.filter(p, ownEgress) {
		return false
	}
	h.leave(p)
	return true
}

// leave puts a packet that the rules have accepted on its way to the next host.
func (h *host) leave(p *datagram) {
	next, found := h.Next(p.Destination, h.described)
	if !found {
		return // a scenario has a route for each of its streams
	}
	h.masquerade(p, next)
	if !h.table.confirm(p) {
		return
	}
	to := h.hosts[slices.IndexFunc(h.hosts, func(o *host) bool { return o.Name == next.Name })]
	h.after(latency, func() { to.arrive(p) })
}

// arrive takes a packet from another host.
func (h *host) arrive(p *datagram) {
	h.table.track(p)
	h.restore(p)
	if h.has(p.Destination) {
		if h.filter(p, ownIngress) && h.table.confirm(p) {
			h.deliver(p)
		}
		return
	}
	if h.Forwards && h.filter(p, forwardIngress) && h.filter(p, forwardEgress) {
		h.leave(p)
	}
}

// deliver hands a packet to whom it is for.
func (h *host) deliver(p *datagram) {
	switch {
	case p.Protocol == packet.TCP:
		h.segment(p)
	case p.Protocol == packet.UDP:
		h.message(p)
	case p.IsError():
		p.stream.unreach()
	case p.ICMPType == echoRequest || p.ICMPType == echoRequestV6:
		answer := *p
		answer.Header = headed(p.Key().Reversed())
		answer.EchoSeq, answer.answers = p.EchoSeq, true
		h.send(&answer)
	default:
		p.stream.answer(p.first)
	}
}

// message echoes a datagram, or answers that nothing listens; an echo ends at its stream.
func (h *host) message(p *datagram) {
	if p.answers {
		p.stream.answer(p.first)
		return
	}
	if h.expects(p) {
		return // which does not take it for an answer
	}
	answer := *p
	answer.answers = true
	if h.listening[netip.AddrPortFrom(p.Destination, p.DestinationPort)][packet.UDP] {
		answer.Header = headed(p.Key().Reversed())
		answer.Length, answer.Number = p.Length, p.Number
		h.send(&answer)
		return
	}
	six := p.Source.Is6()
	answer.Header = packet.Header{
		Protocol: packet.ICMP, Source: p.Destination, Destination: p.Source, ICMPType: unreachable, ICMPCode: portUnreachable,
		QuotedProtocol: p.Protocol, QuotedTag: p.Tag,
	}
	const header, most, mostV6 = 8, 576, 1280 // bytes; RFC 1812 section 4.3.2.3, RFC 4443 section 2.4
	answer.size = min(headerSize(six)+header+p.size, most)
	if six {
		answer.Protocol, answer.ICMPType, answer.ICMPCode = packet.ICMPv6, unreachableV6, portUnreachableV6
		answer.size = min(headerSize(six)+header+p.size, mostV6)
	}
	answer.quoted = p.Key()
	h.send(&answer)
}

// masquerade replaces the source of a flow that the host forwards by its own address, if it is to do
// so, and the port if that is taken. Later packets of the flow follow the first.
func (h *host) masquerade(p *datagram, next scenario.Host) {
	e := p.entry
	if e == nil || p.state == packet.Related {
		return
	}
	if h.Masquerade && !e.confirmed && !h.has(p.Source) {
		own, _ := h.Beside(next)
		e.reply.Destination = own.Addr()
		for taken := 0; h.table.byKey[e.reply] != nil && taken < 1<<16; taken++ {
			if e.orig.ICMPID != 0 {
				e.reply.ICMPID++
			} else {
				e.reply.DestinationPort++
			}
		}
	}
	if e.translated() && !p.back {
		p.Source, p.SourcePort, p.EchoID = e.reply.Destination, e.reply.DestinationPort, e.reply.ICMPID
	}
}

// restore gives a packet that comes back to a host that masquerades its flow the destination that it
// is for.
func (h *host) restore(p *datagram) {
	e := p.entry
	if e == nil || !e.translated() || !p.back {
		return
	}
	p.Destination = e.orig.Source
	if p.state == packet.Related {
		p.quoted = e.orig
		return
	}
	p.DestinationPort, p.EchoID = e.orig.SourcePort, e.orig.ICMPID
}
