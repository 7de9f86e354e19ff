package scenario

import (
	"reflect"
	"slices"

	"lablab/enforce"
	"lablab/packet"
	"lablab/say"
)

// expect reads the predictions about one stream or host, each with its branches for models.
func (w *walk) expect(x entry[some[prediction]]) [][]branch {
	_, isHost := w.hosts[x.name]
	s := w.streams[x.name]
	if !isHost && s == nil {
		known := append(sorted(w.hosts), sorted(w.streams)...)
		if !w.unreadable(aHost, x.Place, x.name, known) && w.misses(aStream, x.Place, x.name, known) {
			w.hinted(x.Place, DidYouMean(x.name, known), "no host %s, and no stream of that name has been started", x.name)
		}
		return nil
	}
	var list [][]branch
	for _, p := range x.value {
		at := x.Place
		if len(x.value) > 1 {
			at = p.Place
		}
		if len(p.models) > 0 {
			list = append(list, w.byModel(x, p))
		} else if expect := w.predicted(x.name, p, at); len(expect) > 0 {
			list = append(list, []branch{{expect: expect}})
		}
	}
	return list
}

// predicted reads a prediction about a stream or host, which exists.
func (w *walk) predicted(subject string, p prediction, at Place) []Expectation {
	p.members.Place = Place{}
	if !p.outcome.given() && reflect.ValueOf(p.members).IsZero() {
		w.about(at, "this predicts nothing")
		return nil
	}
	p.members.Place = at
	if _, isHost := w.hosts[subject]; isHost {
		return w.ofHost(subject, p)
	}
	return w.ofStream(w.streams[subject], p)
}

// ofStream reads the predictions about a stream's packets.
func (w *walk) ofStream(s *streamState, p prediction) []Expectation {
	m := p.members
	e := Expectation{Place: m.Place, Stream: s.Stream, Outcome: Outcome(p.outcome.text), By: m.By.text, First: m.First.value}
	if p.outcome.given() {
		if !w.choice(say.F("the outcome"), p.outcome, string(Replied), string(Refused), string(Stalled), string(Reset)) {
			return nil
		}
		w.possible(p.outcome.Place, s, e.Outcome)
	}
	w.notOf(say.F("this is for hosts, but %s is a stream", s.Stream), append(leaves(m.Flow, m.NoFlow, m.ReleasedBy, m.AdmittedBy.name), append(ruleIDs(m.Hit), ruleIDs(m.Never)...)...))
	switch {
	case s.stopped:
		w.about(m.Place, "stream %s has been stopped and sends nothing here", s.Stream)
		return nil
	case w.packets == unknown:
		return nil
	case w.packets == 0:
		w.about(m.Place, "stream %s sends no packets in this experiment: say how many, as in for: 10", s.Stream)
		return nil
	}
	w.outcomes(&e, s, m)
	if m.First.given() {
		w.between(m.First, say.F("the first answered packet of stream %s", s.Stream), 1, s.sent)
	}
	if m.By.given() && w.decides(s, m.By.name) {
		e.By = m.By.text
	}
	if m.Tracked.given() {
		e.Tracked = &m.Tracked.value
	}
	return []Expectation{e}
}

// outcomes reads the fields that say how many packets have which outcome.
func (w *walk) outcomes(e *Expectation, s *streamState, m predicted) {
	set := func(at leaf, o Outcome) {
		if e.Outcome != "" {
			w.about(at.Place, "all packets of stream %s cannot be both %s and %s", s.Stream, e.Outcome, o)
		}
		w.possible(at.Place, s, o)
		e.Outcome = o
	}
	least := 0.0
	for _, of := range []struct {
		amount amount
		all    Outcome
		to     **Amount
	}{{m.Replied, Replied, &e.Received}, {m.Refused, Refused, &e.Refused}} {
		switch a := of.amount; {
		case !a.given() || a.wrong:
			continue
		case a.all:
			set(a.leaf, of.all)
		case !a.value.Percent && a.value.Min > float64(w.packets):
			w.about(a.Place, "%s: %s is more than for: %d", of.all, a.text, w.packets)
		default:
			value := a.value
			*of.to = &value
		}
		share := of.amount.value.Min
		if !of.amount.value.Percent {
			share *= 100 / float64(w.packets)
		}
		if least += share; least > 100+1e-9 && of.all == Refused {
			w.about(of.amount.Place, "replied and refused packets of stream %s add up to more than the %d that are sent", s.Stream, w.packets)
		}
	}
	for _, of := range []struct {
		word word
		all  Outcome
	}{{m.Stalled, Stalled}, {m.Reset, Reset}} {
		if of.word.given() && w.choice(say.As(string(of.all)), of.word, "all") {
			set(of.word.leaf, of.all)
		}
	}
	if m.First.given() && (e.Outcome == Refused || e.Outcome == Stalled || e.Outcome == Reset) {
		w.about(m.First.Place, "stream %s has no first reply if all its packets are %s", s.Stream, e.Outcome)
	}
}

// possible reports an error for an outcome that the protocol does not have.
func (w *walk) possible(at Place, s *streamState, o Outcome) {
	switch {
	case o == Stalled && s.Protocol != packet.TCP:
		w.about(at, "only a TCP connection can be stalled, and stream %s is %s", s.Stream, s.Protocol)
	case o == Reset && s.Protocol == packet.ICMP:
		w.about(at, "a ping cannot be reset: stream %s is %s", s.Stream, s.Protocol)
	}
}

// decides reports whether a rule can decide about a stream's packets at the destination.
func (w *walk) decides(s *streamState, by name) bool {
	h := w.hosts[s.To]
	if h == nil || h.vague {
		return false // already reported
	}
	if w.anyRuled(append(s.via, s.To, s.From)...) {
		return true // the rules are not known before they are loaded
	}
	ids := w.inForce(s.To, packet.Ingress)
	inbound := len(ids)
	ids = append(ids, "established", "related", "default-deny")
	ids = append(ids, w.modelOf(s.To).Traits().Decides...)
	ids = append(ids, w.modelOf(s.From).Traits().Decides...)
	ids = append(ids, w.aclRulesOf(s.To, packet.Ingress)...)
	ids = append(ids, w.aclRulesOf(s.From, packet.Egress)...) // packets may be dropped before they leave
	for _, host := range s.via {                              // or on the way
		ids = append(ids, packet.SourceDestCheckID)
		if w.named(host).Resets {
			ids = append(ids, packet.UnknownConnectionID)
		}
		ids = append(ids, w.aclRulesOf(host, packet.Ingress)...)
		ids = append(ids, w.aclRulesOf(host, packet.Egress)...)
	}
	slices.Sort(ids[inbound:])
	ids = append(ids[:inbound], slices.Compact(ids[inbound:])...)
	return w.ruleOf(by, ids, say.F("host %s at this point", s.To))
}

// modelOf returns the model of a host, in a prediction that may name another.
func (w *walk) modelOf(host string) enforce.Model {
	if h := w.named(host); h.ownModel || w.branch.Model == nil {
		return h.Enforcement()
	}
	return w.branch.Model
}

// aclRulesOf returns the rules of the network ACL that is attached to a host now, if any.
func (w *walk) aclRulesOf(host string, d packet.Direction) []string {
	i, _ := w.now.Interface(host)
	if i.ACL == nil {
		return nil
	}
	ids := []string{packet.ACLDefaultDenyID}
	for _, r := range i.ACL.Rules(d) {
		ids = append(ids, r.ID())
	}
	return ids
}

// ofHost reads the predictions about a host: one expectation for each.
func (w *walk) ofHost(host string, p prediction) []Expectation {
	m := p.members
	if p.outcome.given() {
		w.about(p.outcome.Place, `%s is a host: write { flow: "1" }, { no_flow: "1" }, { hit: icmp } or { never: icmp }`, host)
		return nil
	}
	w.notOf(say.F("this is for streams, but %s is a host", host), []leaf{m.Replied.leaf, m.Refused.leaf, m.Stalled.leaf, m.Reset.leaf, m.First.leaf, m.By.leaf, m.Tracked.leaf})
	var list []Expectation
	of := Expectation{Place: m.Place, Host: host}
	switch {
	case m.Flow.given() && w.endsAt(m.Flow, host):
		e := of
		e.Flow, e.AdmittedBy, e.ReleasedBy = m.Flow.text, m.AdmittedBy.text, m.ReleasedBy.text
		for _, by := range []name{m.AdmittedBy.name, m.ReleasedBy} {
			if by.given() && !w.hosts[host].vague && !w.hosts[host].ruled {
				w.ruleOf(by, w.everInForce(host), say.F("host %s", host))
			}
		}
		if m.ReleasedBy.given() && w.hosts[host].ruled {
			w.about(m.ReleasedBy.Place, "%s has a ruleset of its own: released_by is for groups", host)
		} else if s := w.streams[m.Flow.text]; m.ReleasedBy.given() && !slices.Contains(s.via, host) {
			w.about(m.ReleasedBy.Place, "%s does not forward stream %s: released_by is for a host on the way", host, m.Flow.text)
		}
		list = append(list, e)
	case m.AdmittedBy.given() && !m.Flow.given():
		w.about(m.AdmittedBy.Place, `admitted_by needs a flow: { flow: "1", admitted_by: %s }`, m.AdmittedBy.text)
	case m.ReleasedBy.given() && !m.Flow.given():
		w.about(m.ReleasedBy.Place, `released_by needs a flow: { flow: "1", released_by: %s }`, m.ReleasedBy.text)
	}
	if m.NoFlow.given() && w.endsAt(m.NoFlow, host) {
		e := of
		e.Flow, e.Absent = m.NoFlow.text, true
		list = append(list, e)
	}
	for _, n := range m.Hit {
		if !w.hosts[host].vague && (w.hosts[host].ruled || w.ruleOf(n.name, append(w.inForce(host, packet.Ingress, packet.Egress), "established"), say.F("host %s at this point", host))) {
			e := of
			e.Hit = n.text
			list = append(list, e)
		}
	}
	for _, n := range m.Never {
		if !w.hosts[host].vague && (w.hosts[host].ruled || w.ruleOf(n.name, append(w.everInForce(host), "established"), say.F("host %s", host))) {
			e := of
			e.Never = n.text
			list = append(list, e)
		}
	}
	return list
}

// endsAt reports whether a stream starts or ends at a host, so that the host may have its entry.
func (w *walk) endsAt(n name, host string) bool {
	s := w.stream(n)
	if s == nil || w.hosts[s.From] == nil || w.hosts[s.To] == nil {
		return false // already reported
	}
	if s.From != host && s.To != host && !slices.Contains(s.via, host) {
		w.about(n.Place, "stream %s goes from %s to %s: %s never sees it", n.text, s.From, s.To, host)
		return false
	}
	return true
}

// notOf reports an error for each field that applies only to the other kind of subject.
func (w *walk) notOf(why say.Sentence, members []leaf) {
	for _, m := range members {
		if m.given() {
			w.report(m.Place, say.Sentence{}, why)
		}
	}
}

func ruleIDs(ids some[ruleID]) []leaf {
	var list []leaf
	for _, id := range ids {
		list = append(list, id.leaf)
	}
	return list
}

func leaves(names ...name) []leaf {
	var list []leaf
	for _, n := range names {
		list = append(list, n.leaf)
	}
	return list
}
