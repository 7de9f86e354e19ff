package fate

import (
	"slices"

	"lablab/live"
	"lablab/packet"
	"lablab/say"
)

// A result is what becomes of a flow in one order of the calls.
type result struct {
	course, again Course
	why           say.Sentence
	doubts        []say.Sentence
}

// A moment is what becomes of packets after some calls.
type moment struct {
	after int // how many calls were made by then
	call  int // the number of the last of them; 0 before all
	// alive is whether packets of the flow pass in both directions; peer, if the other end sends first.
	alive, peer bool
	begins      bool // whether the next connection is accepted
	// flow has what dropped the flow's packets, next what dropped or admitted those of the next connection.
	flow, next *connection
}

// moments works out what becomes of a flow's packets whenever one of its hosts enforces something else.
func (f *forecast) moments(c *course, flow live.Flow, from, to string) (moments []moment) {
	first, second := f.connection(c, flow.Key, from, to), f.connection(c, flow.Key, from, to)
	second.peerFirst = true
	changeable := first.changeable(c)
	for _, after := range instants(c.hosts[from], c.hosts[to]) {
		m := moment{after: after}
		if after > 0 {
			m.call = c.calls[after-1].Call
		}
		m.next = f.connection(c, flow.Key, from, to)
		m.next.enforce(after, c)
		m.begins = m.next.opens() && m.next.exchange()
		if isUp(flow) {
			m.alive = first.continues(after, c, flow)
			m.peer = m.alive
			if changeable {
				m.peer = second.continues(after, c, flow)
			}
			m.flow = first.clone()
		}
		moments = append(moments, m)
	}
	return moments
}

// continues reports whether packets of a connection that is up pass in both directions after some calls.
func (c *connection) continues(after int, of *course, flow live.Flow) bool {
	c.enforce(after, of)
	if after == 0 {
		c.establish(flow)
	}
	c.exchange() // which may change the entries
	return c.exchange()
}

// changeable reports whether it can matter who sends first: whether a change or a packet may do
// something to the connection's entries.
func (c *connection) changeable(of *course) bool {
	return slices.ContainsFunc(c.ends(), func(e *end) bool {
		versions := of.hosts[e.host]
		if len(versions) == 0 {
			return false
		}
		t := versions[0].model.Traits()
		return t.Deletes || t.Unmarks || !t.Known.Empty()
	})
}

// isUp reports whether a flow is a connection that is up.
func isUp(f live.Flow) bool { return !f.New && !f.Rejected }

// run works out what becomes of a flow between two hosts.
func (f *forecast) run(c *course, flow live.Flow, from, to string) result {
	moments := f.moments(c, flow, from, to)
	var next []say.Sentence // doubts
	for _, m := range moments {
		next = append(next, m.next.doubts...)
	}
	r := result{again: again(moments), doubts: distinct(next)}
	r.again.Certain = len(next) == 0
	if !isUp(flow) {
		r.course, r.why = r.again, why(r.again, moments)
		return r
	}
	end := moments[len(moments)-1].flow
	r.course = courseOf(moments, end)
	r.course.Certain = len(end.doubts) == 0
	if r.course.Word == CannotReturn && !r.again.Certain {
		r.course.Certain = false
	}
	r.why = why(r.course, moments)
	r.doubts = distinct(slices.Concat(end.doubts, next))
	return r
}

// distinct returns each sentence once.
func distinct(list []say.Sentence) (once []say.Sentence) {
	for _, s := range list {
		if !slices.ContainsFunc(once, func(o say.Sentence) bool { return o.String() == s.String() }) {
			once = append(once, s)
		}
	}
	return once
}

// instants returns after how many calls one of the hosts enforces something else.
func instants(hosts ...[]version) (list []int) {
	for _, versions := range hosts {
		for _, v := range versions {
			list = append(list, v.after)
		}
	}
	list = append(list, 0)
	slices.Sort(list)
	return slices.Compact(list)
}

// again returns what becomes of the next connection.
func again(moments []moment) Course {
	first, last := moments[0], moments[len(moments)-1]
	c := Course{Word: Allowed}
	c.name(last.next, first.next)
	from, to := outage(moments, func(m moment) bool { return m.begins })
	switch {
	case !first.begins && !last.begins:
		c.Word, c.Host = Refused, last.next.dropped
		if from, to = outage(moments, func(m moment) bool { return !m.begins }); from != 0 {
			c.Word, c.From, c.To = AllowedMeanwhile, from, to
		}
	case !first.begins:
		c.Word, c.From, c.To = NewlyAllowed, 0, to
	case !last.begins:
		c.Word, c.From, c.Host = NewlyRefused, from, last.next.dropped
	case from != 0:
		c.Word, c.From, c.To = Gap, from, to
		c.Host = during(moments, from).next.dropped
	}
	return c
}

// courseOf returns what becomes of a connection that is up.
func courseOf(moments []moment, flow *connection) Course {
	first, last := moments[0], moments[len(moments)-1]
	c := Course{Word: LivesOn}
	c.name(last.next, first.next)
	from, to := outage(moments, func(m moment) bool { return m.alive })
	switch {
	case !first.alive && !last.alive:
		c.Word, c.Host = Down, last.flow.dropped
	case !first.alive:
		c.Word, c.To = NewlyAllowed, to
	case !last.alive && last.peer:
		c.Word, c.From, c.Host = CutUnlessPeer, from, last.flow.dropped
	case !last.alive:
		c.Word, c.From, c.Host = Cut, from, last.flow.dropped
	case from != 0:
		c.Word, c.From, c.To, c.Host = Interrupted, from, to, during(moments, from).flow.dropped
	case first.begins && !last.begins:
		c.Word, c.Host = CannotReturn, last.next.dropped
		c.From, _ = outage(moments, func(m moment) bool { return m.begins })
	case flow.untracked() && !moments[0].flow.untracked():
		c.Word = GoesUntracked
	}
	return c
}

// outage returns the call after which something is not so that was so before, and the one after which
// it is so for good; 0 if it always is.
func outage(moments []moment, is func(moment) bool) (from, to int) {
	was := true
	for _, m := range moments {
		switch now := is(m); {
		case was && !now && from == 0:
			from, to = m.call, 0
		case !was && now:
			to = m.call
		case was && !now:
			to = 0
		}
		was = is(m)
	}
	return from, to
}

// during returns the moment that begins with a call.
func during(moments []moment, call int) moment {
	i := slices.IndexFunc(moments, func(m moment) bool { return m.call == call })
	return moments[i]
}

// name gives a course the rule that allows the connection in the end, or else in the beginning: that of
// the host with which it was begun, or else of the one that began it.
func (c *Course) name(last, first *connection) {
	for _, of := range []*connection{last, first} {
		for _, e := range []*end{&of.to, &of.from} {
			if rule, is := of.rules[e.admitted.Number]; is && e.admitted.Kind == packet.ByGroup {
				c.Rule, c.Group = rule.Rule.String(), rule.Group
				return
			}
		}
	}
}
