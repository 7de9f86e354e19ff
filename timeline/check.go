package timeline

import (
	"math"
	"slices"

	"lablab/enforce"
	"lablab/packet"
	"lablab/say"
)

// A checker follows a record and finds what no lab writes: events out of order, or about things that
// are not there. To explain such a record would be to present a forgery as evidence.
type checker struct {
	last    Event
	gaps    bool // a long-lived lab forgets events, so later ones may refer to what is not there
	hosts   map[string]bool
	rules   map[uint32]bool
	streams map[string]int // number of packets sent
	lost    Losses
}

// add takes the next event.
func (c *checker) add(e Event) error {
	if err := c.order(e); err != nil {
		return err
	}
	c.gaps = c.gaps || e.Seq != c.last.Seq+1
	c.last = e
	for _, host := range hostsOf(e.Body) {
		if !c.hosts[host] {
			return say.Errorf("it names host %q, which the lab does not have", host)
		}
	}
	switch body := e.Body.(type) {
	case Begun:
		return c.begin(body)
	case RuleAuthorized:
		if c.rules[body.Number] {
			return say.Errorf("rule number %d is authorized twice", body.Number)
		}
		c.rules[body.Number] = true
	case RuleRevoked:
		if !c.rules[body.Number] && !c.gaps {
			return say.Errorf("rule number %d is revoked but was never authorized", body.Number)
		}
	case StreamStarted:
		c.streams[body.Stream] = 0
	case Judged:
		return c.judged(body)
	case Sent:
		return c.sent(body.Stream, body.Seq)
	case NotSent:
		return c.sent(body.Stream, body.Seq)
	case Connected:
		return c.wasSent(body.Stream, body.Seq)
	case Unreached:
		return c.wasSent(body.Stream, body.Seq)
	case Missed:
		return c.missed(body)
	case Halted:
		if body.Asleep < 0 || body.For < body.Asleep || body.Within < body.For {
			return say.Errorf("it did not run for %s of %s, and was asleep for %s", body.For, body.Within, body.Asleep)
		}
	case Replied:
		if body.RTT < 0 {
			return say.Errorf("the reply came %s before its packet", -body.RTT)
		}
		return c.wasSent(body.Stream, body.Seq)
	}
	return nil
}

// order compares an event with the one before.
func (c *checker) order(e Event) error {
	_, begins := e.Body.(Begun)
	_, over := c.last.Body.(Ended)
	switch {
	case begins && c.last.Body != nil:
		return say.New("another timeline begins: a record has one")
	case !begins && c.last.Body == nil:
		return say.New("a record starts with the event \"begun\"")
	case over:
		return say.New("something follows the event \"ended\"")
	case e.Seq <= c.last.Seq:
		return say.Errorf("event %d follows event %d", e.Seq, c.last.Seq)
	case e.At < c.last.At:
		return say.Errorf("it happened %s before the event above it", c.last.At-e.At)
	case e.Experiment < c.last.Experiment:
		return say.Errorf("experiment %d follows experiment %d", e.Experiment, c.last.Experiment)
	}
	return nil
}

func (c *checker) begin(b Begun) error {
	for _, h := range b.Hosts {
		if c.hosts[h.Name] {
			return say.Errorf("the lab has two hosts called %q", h.Name)
		}
		if _, err := enforce.Parse(h.Model); h.Model != "" && err != nil {
			return say.Errorf("host %q: %w", h.Name, err)
		}
		c.hosts[h.Name] = true
	}
	for i, p := range b.Plan {
		if p.Number != i+1 {
			return say.Errorf("experiment %d is number %d", i+1, p.Number)
		}
	}
	return nil
}

// judged checks that a verdict is one that a lab's rules can give.
func (c *checker) judged(v Judged) error {
	kinds := []packet.Kind{packet.ByACL, packet.ByEstablished, packet.ByLink, packet.ByLoopback, packet.ByService, packet.ByRelated, packet.ByCheck, packet.ByGroup, packet.ByDefault, packet.ByTombstone, packet.ByModel, packet.ByGateway, packet.ByRuleset}
	switch {
	case !slices.Contains([]packet.Direction{packet.Ingress, packet.Egress}, v.Direction):
		return say.Errorf("unknown direction %q", v.Direction)
	case !slices.Contains([]packet.State{packet.New, packet.Established, packet.Related, packet.Invalid, packet.Untracked}, v.State):
		return say.Errorf("unknown state %q", v.State)
	case !slices.Contains(kinds, v.Kind):
		return say.Errorf("unknown kind of rule %q", v.Kind)
	case v.Accepted == slices.Contains([]packet.Kind{packet.ByDefault, packet.ByCheck, packet.ByTombstone, packet.ByGateway}, v.Kind) && v.Kind != packet.ByACL && v.Kind != packet.ByRuleset, (v.Kind == packet.ByCheck || v.Kind == packet.ByGateway) && !v.Forwarded:
		return say.Errorf("%s cannot have decided that", v.ID)
	case v.Kind == packet.ByEstablished && v.State != packet.Established:
		return say.Errorf("%s does not accept a packet that is %s", v.ID, v.State)
	case v.Kind == packet.ByGroup && !c.rules[v.Number] && !c.gaps:
		return say.Errorf("rule number %d has decided but was never authorized", v.Number)
	}
	if v.Stream != "" {
		return c.started(v.Stream)
	}
	return nil
}

// missed checks that a loss is one that can have been counted: the total never shrinks.
func (c *checker) missed(m Missed) error {
	const most = math.MaxInt / 64 // sums over hosts and kinds do not overflow
	switch before := c.lost[loss{m.Host, m.What}]; {
	case m.What != MissedVerdicts && m.What != MissedEvents:
		return say.Errorf("unknown kind of evidence %q", m.What)
	case m.Count < 0 || m.Count > most || m.Total < 0 || m.Total > most || before > most:
		return say.Errorf("the number of lost messages is impossible: %d, and %d in all", m.Count, m.Total)
	case m.Total != 0 && m.Total < before+m.Count:
		return say.Errorf("%d messages were lost in all, of which %d were before", m.Total, before)
	}
	c.lost.Add(m)
	return nil
}

// sent counts a packet. They are numbered without gaps.
func (c *checker) sent(stream string, seq int) error {
	if err := c.started(stream); err != nil {
		return err
	}
	if seq != c.streams[stream]+1 && !c.gaps {
		return say.Errorf("packet %d of stream %q follows packet %d", seq, stream, c.streams[stream])
	}
	c.streams[stream] = seq
	return nil
}

func (c *checker) wasSent(stream string, seq int) error {
	if err := c.started(stream); err != nil {
		return err
	}
	if (seq < 1 || seq > c.streams[stream]) && !c.gaps {
		return say.Errorf("packet %d of stream %q was never sent", seq, stream)
	}
	return nil
}

func (c *checker) started(stream string) error {
	if _, known := c.streams[stream]; !known && !c.gaps {
		return say.Errorf("stream %q was never started", stream)
	}
	return nil
}

// hostsOf returns the hosts that an event is about.
func hostsOf(body Body) []string {
	switch body := body.(type) {
	case RuleAuthorized:
		return body.Hosts
	case GroupsChanged:
		return []string{body.Host}
	case ACLChanged:
		return []string{body.Host}
	case Cut:
		return []string{body.Host}
	case StreamStarted:
		return []string{body.From, body.To}
	case Judged:
		return []string{body.Host}
	case EntryChanged:
		return []string{body.Host}
	case Dumped:
		return []string{body.Host}
	case Counted:
		return []string{body.Host}
	case Missed:
		return []string{body.Host}
	case CanaryDropped:
		return []string{body.Host}
	case Ran:
		return []string{body.Host}
	case Forged:
		return []string{body.Host}
	}
	return nil
}

// Check finds what contradicts itself in a timeline. The error names the event.
func Check(events []Event) error {
	c := newChecker()
	for _, e := range events {
		if err := c.add(e); err != nil {
			return say.Errorf("event %d: %w", e.Seq, err)
		}
	}
	return nil
}

func newChecker() *checker {
	return &checker{hosts: map[string]bool{}, rules: map[uint32]bool{}, streams: map[string]int{}, lost: Losses{}}
}
