package fate

import (
	"slices"

	"lablab/enforce"
	"lablab/live"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A connection is a flow between two hosts, as each of them knows it.
type connection struct {
	rules map[uint32]sg.GroupRule
	key   packet.Key
	// from began it, to is the other end. One that is not known accepts everything.
	from, to end
	// peerFirst is whether the other end sends first.
	peerFirst bool
	// dropped is the host that dropped the last packet that was, and by what.
	dropped string
	by      packet.By
	doubts  []say.Sentence
}

// An end is a host of a connection.
type end struct {
	host      string
	direction packet.Direction // of the connection's first packet
	now       *version         // nil if the host is not known
	entry     *enforce.Flow    // nil if it has none
	admitted  packet.By        // by what the first packet was accepted here
}

func (f *forecast) connection(c *course, k packet.Key, from, to string) *connection {
	return &connection{
		rules: c.rules, key: k,
		from: end{host: from, direction: packet.Egress}, to: end{host: to, direction: packet.Ingress},
	}
}

// enforce has both hosts enforce what they do after some calls.
func (c *connection) enforce(after int, course *course) {
	for _, e := range c.ends() {
		versions := course.hosts[e.host]
		for i := range versions {
			if versions[i].after > after {
				break
			}
			was := e.now
			e.now = &versions[i]
			if was == nil || e.entry == nil || versions[i].after < after {
				continue
			}
			e.affect(c)
		}
	}
}

// affect does to the entry what the host's model does after a change of the rules.
func (e *end) affect(c *connection) {
	if admitted := e.entry.Mark.Admitted(); e.now.policy.InForce(admitted) && !e.now.policy.Covers(admitted, e.entry.Began, e.entry.Seen(e.entry.Began)) {
		if e.now.model == enforce.Default() {
			c.doubt(say.F("AWS documents what a change of rules does to tracked connections, not what a change of a prefix list or of a group's members does"))
		}
	}
	switch e.now.model.Changed(*e.entry, e.now.policy) {
	case enforce.Deletes:
		e.entry = nil
	case enforce.Unmarks:
		e.entry.Mark = 0
	case enforce.Untracks:
		e.entry.Mark = packet.UntrackedMark
		c.doubt(say.F("AWS does not document what happens to a tracked connection when its port is opened to all addresses"))
	case enforce.Stays:
	}
}

// clone returns a copy with entries of its own.
func (c *connection) clone() *connection {
	copied := *c
	for _, e := range copied.ends() {
		if e.entry != nil {
			entry := *e.entry
			e.entry = &entry
		}
	}
	return &copied
}

func (c *connection) ends() []*end { return []*end{&c.from, &c.to} }

// untracked reports whether the rules decide about each packet of the connection at one of its ends.
func (c *connection) untracked() bool {
	return slices.ContainsFunc(c.ends(), func(e *end) bool { return e.entry != nil && e.entry.Mark == packet.UntrackedMark })
}

// establish has both ends know the connection, also if no rule of theirs allows it. That leaves a doubt
// unless its source has seen its entry.
func (c *connection) establish(flow live.Flow) {
	for _, e := range c.ends() {
		if e.now == nil {
			continue
		}
		if !c.pass(e, c.key, e.direction, true) {
			if e.entry == nil {
				e.entry = &enforce.Flow{Orig: c.key, Began: e.direction}
			}
			if flow.Left == 0 {
				c.doubt(say.F("no known rule of %s allows it before the change", e.host))
			}
		}
		if e.entry.Orig.Protocol == packet.TCP {
			e.entry.TCP = "ESTABLISHED"
		}
		if flow.Untracked && (flow.Host == "" || flow.Host == e.host) && e.now.model.Traits().Untracks {
			e.entry.Mark = packet.UntrackedMark // by rules of the past
		}
	}
}

// opens sends the first packet of the connection, and the answer to it.
func (c *connection) opens() bool {
	return c.send(&c.from, &c.to, c.key, true) && c.send(&c.to, &c.from, c.key.Reversed(), false)
}

// exchange sends a packet from each end, and reports whether both arrive. The other end answers only
// what has arrived, unless it sends first.
func (c *connection) exchange() bool {
	if c.peerFirst {
		answered := c.send(&c.to, &c.from, c.key.Reversed(), false)
		return c.send(&c.from, &c.to, c.key, false) && answered
	}
	return c.send(&c.from, &c.to, c.key, false) && c.send(&c.to, &c.from, c.key.Reversed(), false)
}

func (c *connection) send(from, to *end, k packet.Key, opening bool) bool {
	return c.pass(from, k, packet.Egress, opening) && c.pass(to, k, packet.Ingress, opening)
}

// pass reports whether a host accepts a packet.
func (c *connection) pass(e *end, k packet.Key, d packet.Direction, opening bool) bool {
	if e.now == nil {
		return true
	}
	p := enforce.Packet{Header: headed(k, opening), Direction: d, State: packet.Established, Seen: seen(k, d), Flow: e.entry}
	if e.entry != nil {
		p.Reply = k != e.entry.Orig
	} else if p.State = e.state(k, opening); p.State == packet.New {
		p.Flow = &enforce.Flow{Orig: k, Began: d}
	}
	decision := e.now.model.Judge(p, e.now.policy)
	if decision.Untracks {
		p.Flow.Mark = packet.UntrackedMark
	}
	if acl := e.now.acl; acl != nil && !acl.Allows(d, p.Seen) {
		decision = enforce.Decision{By: packet.By{Kind: packet.ByACL}}
	}
	switch decision.Write {
	case enforce.Blocking:
		p.Flow.Mark |= packet.Tombstone
	case enforce.Admitting:
		p.Flow.Mark = packet.Mark(decision.Number)
	case enforce.Nothing:
	}
	if e.now.doubted {
		c.doubt(say.F("a value of a call that changes %s is not known", e.host))
	}
	if !decision.Accepted {
		c.dropped, c.by = e.host, decision.By
		if decision.Kind == packet.ByDefault {
			c.doubtRules(e, d, p.Seen)
		}
		return false
	}
	if p.State == packet.New {
		e.entry = p.Flow
	}
	if opening {
		e.admitted = decision.By
	}
	return true
}

// state returns what conntrack says of a packet without an entry.
func (e *end) state(k packet.Key, opening bool) packet.State {
	loose := e.now.model.Traits().Loose
	switch {
	case opening, k.Protocol == packet.TCP && loose != nil && *loose:
		return packet.New
	case k.Protocol == packet.TCP:
		return packet.Invalid
	case k.Protocol.IsICMP():
		if _, request := packet.Reply(k.Protocol, k.ICMPType); !request {
			return packet.Invalid
		}
	}
	return packet.New
}

// doubt adds a reason why something else may become of the connection.
func (c *connection) doubt(reason say.Sentence) { c.doubts = append(c.doubts, reason) }

// doubtRules adds why rules that are not known might have accepted a packet.
func (c *connection) doubtRules(e *end, d packet.Direction, seen sg.Packet) {
	if e.now.partial {
		c.doubt(say.F("not all rules of %s are known", e.host))
	}
	for _, f := range e.now.rules.Doubts(d, seen) {
		c.doubt(f.Said())
	}
}

// headed returns the header of a packet.
func headed(k packet.Key, opening bool) packet.Header {
	h := packet.Header{
		Protocol: k.Protocol, Source: k.Source, Destination: k.Destination, SourcePort: k.SourcePort, DestinationPort: k.DestinationPort,
		ICMPType: k.ICMPType, ICMPCode: k.ICMPCode, EchoID: k.ICMPID,
	}
	switch {
	case k.Protocol != packet.TCP:
	case opening:
		h.TCPFlags = packet.SYN
	default:
		h.TCPFlags = packet.ACK
	}
	return h
}

// seen returns a packet as the groups see it.
func seen(k packet.Key, d packet.Direction) sg.Packet {
	return enforce.Flow{Orig: k}.Seen(d)
}
