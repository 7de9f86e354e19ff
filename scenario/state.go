package scenario

import (
	"maps"
	"slices"
	"time"

	"lablab/enforce"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A walk goes through the scenario in the order in which it will run, and tracks the state of the
// lab at each step.
type walk struct {
	*complaints
	open  Opener
	sc    *Scenario
	files map[string][]*sg.Group // groups, by file path

	hosts    map[string]*hostState
	vague    bool              // one of the scenario's models is unknown
	branch   enforce.Choice    // the model that a prediction is for, if it names one
	mislaid  bool              // the network has mistakes, so no way through it is followed
	groups   map[string]string // group ids, by name in the scenario
	now      *sg.Account       // the state after the actions so far
	reported map[string]bool   // rule ids and group names already reported
	streams  map[string]*streamState
	packets  int // per stream in this experiment; unknown if it could not be read
	keys     map[string]Place
	unread   map[kind]int    // line from which on a missing name may belong to something unreadable
	absent   map[string]bool // missing names already reported
}

const unknown = -1

// A hostState is what is known of a host.
type hostState struct {
	groups map[string]bool // group ids, now or earlier
	vague  bool            // one of its groups is unknown
	ruled  bool            // it has a ruleset of its own
}

// A streamState is a stream that is running, or was.
type streamState struct {
	Start
	stopped bool
	sent    int      // packets to wait for, including this experiment
	via     []string // hosts that forward its packets
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// experiment reads an experiment and applies its actions.
func (w *walk) experiment(from experiment) Experiment {
	e := Experiment{Place: from.Place, Title: from.Title.text, Within: from.Within.value}
	e.For = w.between(from.For, say.F("the number of packets"), 0, 1_000_000)
	w.packets = e.For
	if from.For.given() && e.For == 0 && from.For.text != "0" {
		w.packets = unknown
	}
	for _, a := range from.Do {
		if a.do == nil {
			continue // already reported
		}
		if done := a.do.action(w, a.Place); done != nil {
			e.Do = append(e.Do, done)
		}
	}
	for _, s := range w.streams {
		if !s.stopped {
			s.sent += max(w.packets, 0)
		}
	}
	if least := w.sc.Interval * time.Duration(max(e.For-1, 0)); e.Within > 0 && least > e.Within {
		w.about(from.Within.Place, "%d packets, one every %s, take longer than %s", e.For, w.sc.Interval, from.Within.text)
	}
	for _, x := range from.Expect {
		e.branches = append(e.branches, w.expect(x)...)
	}
	e.Expect = e.expected(w.sc.Model())
	if !slices.ContainsFunc(e.branches, func(of []branch) bool { return len(of) != 1 || of[0].model != "" }) {
		e.branches = nil
	}
	return e
}

// host reports whether a host with that name exists.
func (w *walk) host(n name) bool {
	if !n.given() {
		return false
	}
	if w.hosts[n.text] == nil {
		if w.misses(aHost, n.Place, n.text, sorted(w.hosts)) {
			w.hinted(n.Place, DidYouMean(n.text, sorted(w.hosts)), "unknown host %s", n.text)
		}
		return false
	}
	return true
}

// stream returns the stream with that name if it has been started.
func (w *walk) stream(n name) *streamState {
	if !n.given() {
		return nil
	}
	s := w.streams[n.text]
	if s == nil && w.misses(aStream, n.Place, n.text, sorted(w.streams)) {
		w.hinted(n.Place, DidYouMean(n.text, sorted(w.streams)), "no stream %s has been started", n.text)
	}
	return s
}

// started registers the name of a stream, which must be unique in the whole scenario.
func (w *walk) started(as name, s Start) bool {
	if !as.given() {
		return false
	}
	switch {
	case !w.isNew(as.Place, say.F("a stream"), as.text):
		return false
	case w.hosts[as.text] != nil:
		w.about(as.Place, "%s is the name of a host: choose another name for the stream", as.text)
		return false
	case w.streams[as.text] != nil:
		w.about(as.Place, "stream %s already exists: choose another name", as.text)
		return false
	}
	s.Stream = as.text
	w.streams[as.text] = &streamState{Start: s}
	return true
}

// apart reports whether a stream can be told apart from those that are running.
func (w *walk) apart(at Place, s Start) bool {
	for _, other := range sorted(w.streams) {
		o := w.streams[other]
		if o.stopped || o.Protocol != s.Protocol || o.To != s.To {
			continue
		}
		sameIDs := s.ID != 0 && s.ID == o.ID || s.SourcePort != 0 && s.SourcePort == o.SourcePort
		switch {
		case o.From == s.From && o.Port == s.Port && sameIDs:
			w.about(at, "stream %s already runs between these hosts with the same id or ports", other)
			return false
		case o.Port == s.Port && s.Protocol != packet.ICMP && o.Unserved != s.Unserved:
			w.about(at, "stream %s contradicts this: does anything listen on port %d of %s?", other, s.Port, s.To)
			return false
		}
	}
	return true
}

// inForce returns the rules of the groups that a host has now.
func (w *walk) inForce(host string, d ...packet.Direction) []string {
	var ids []string
	i, _ := w.now.Interface(host)
	for _, g := range w.now.GroupsByID(i.Groups) {
		for _, direction := range d {
			for _, r := range g.Rules(direction) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}

// everInForce returns the rules of all groups that the host has or has had, past rules included.
func (w *walk) everInForce(host string) []string {
	var ids []string
	for _, group := range sorted(w.hosts[host].groups) {
		for _, r := range w.now.Ever(group) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// ruleOf reports whether an id names one of these rules.
func (w *walk) ruleOf(n name, ids []string, of say.Sentence) bool {
	if !n.given() || w.reported[n.text] {
		return false
	}
	found := 0
	for _, id := range ids {
		if id == n.text {
			found++
		}
	}
	switch {
	case found == 0 && w.unreadable(aRule, n.Place, n.text, ids):
	case found == 0:
		slices.Sort(ids)
		w.hinted(n.Place, DidYouMean(n.text, slices.Compact(ids)), "%s has no rule %s", of, n.text)
	case found > 1:
		w.about(n.Place, "%d rules of %s are called %s: give each an id of its own", found, of, n.text)
	}
	return found == 1
}
