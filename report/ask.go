package report

import (
	"slices"

	"lablab/packet"
	"lablab/say"
)

// An ask is the question before the experiment that surprises: what becomes of a stream whose
// packets do not fare as the rules of the moment would have it.
type ask struct {
	Experiment int            `json:"experiment"`
	Stream     string         `json:"stream"`
	Question   say.Sentence   `json:"question"`
	Answers    []say.Sentence `json:"answers"`
	Right      int            `json:"right"`   // index of the true answer
	Outcome    say.Sentence   `json:"outcome"` // the true answer, in figures
	Moment     *Moment        `json:"moment"`  // the packets that show it
}

// The answers, by their index.
const (
	goesOn = iota
	stops
	partly
)

// asking returns what to ask before a run is shown, or nil: about the experiment that the scenario
// names, or else the first that surprises.
func (b *Builder) asking() *ask {
	if !b.report.Predicted() {
		return nil
	}
	for i := range b.report.Experiments {
		x := &b.report.Experiments[i]
		if b.asks > 0 && x.Number != b.asks || !x.Complete {
			continue
		}
		may := func(r StreamResult) bool { return r.Sent > 0 && (b.askAbout == "" || r.Stream == b.askAbout) }
		surprises := func(r StreamResult) bool { return may(r) && b.surprises(r.Stream, x.Number) }
		at := slices.IndexFunc(x.Streams, surprises)
		if at < 0 && b.asks > 0 {
			at = slices.IndexFunc(x.Streams, may)
		}
		if at >= 0 {
			return b.ask(x, x.Streams[at])
		}
	}
	return nil
}

// surprises reports whether a stream fares otherwise in an experiment than if the rules in force
// decided on each of its packets, as a reader who does not know conntrack would expect.
func (b *Builder) surprises(stream string, experiment int) bool {
	var asked, first *journey // the last that the rules could see from its sender; the first of the experiment
	for _, j := range b.packets[stream] {
		if j.Experiment > experiment || first != nil && asked != nil {
			break
		}
		if !j.pushed && len(j.verdicts) > 0 {
			asked = j
		}
		if j.Experiment == experiment && first == nil && len(j.verdicts) > 0 {
			first = j
		}
	}
	if asked == nil || first == nil {
		return false
	}
	at, requests, open := first.verdicts[0].when, 0, true
	for _, v := range asked.verdicts {
		if v.Reply || v.Kind == packet.ByRuleset {
			continue
		}
		requests++
		open = open && b.policy.way(v.Judged).openAt(at)
	}
	expected := stops
	if open {
		expected = goesOn
	}
	return requests > 0 && answerOf(*b.report.Experiment(experiment).result(stream)) != expected
}

// openAt reports whether a rule matched at some time.
func (w *way) openAt(at when) bool {
	return slices.ContainsFunc(w.spans, func(s span) bool {
		return s.from.seq <= at.seq && (!s.to.happened() || s.to.seq > at.seq)
	})
}

// answerOf returns the true answer.
func answerOf(r StreamResult) int {
	switch r.Received {
	case r.Sent:
		return goesOn
	case 0:
		return stops
	}
	return partly
}

func (b *Builder) ask(x *Experiment, r StreamResult) *ask {
	s := b.report.Stream(r.Stream)
	a := &ask{Experiment: x.Number, Stream: s.Name, Right: answerOf(r)}
	known := slices.ContainsFunc(s.Packets, func(p Packet) bool { return p.Experiment < x.Number })
	switch {
	case s.IsPing():
		a.Question = say.F("What happens to the ping from %s to %s now (stream %s)?", s.From, s.To, s.Name)
	case s.Protocol == packet.TCP.String():
		a.Question = say.F("What happens to the connection from %s to %s now (stream %s)?", s.From, s.To, s.Name)
	default:
		a.Question = say.F("What happens to the datagrams from %s to %s now (stream %s)?", s.From, s.To, s.Name)
	}
	a.Answers = []say.Sentence{say.F("It is answered"), say.F("It gets no answer"), say.F("Only some packets are answered")}
	switch ping := s.IsPing(); {
	case known && (ping || s.Protocol == packet.TCP.String()):
		a.Answers[goesOn], a.Answers[stops] = say.F("It goes on"), say.F("It stops")
	case !ping && s.Protocol == packet.TCP.String():
		a.Answers[goesOn], a.Answers[stops] = say.F("It is established"), say.F("It fails")
	case !ping:
		a.Answers[goesOn], a.Answers[stops] = say.F("They are answered"), say.F("They get no answer")
	}
	a.Outcome = say.F("%s: %d of %d packets answered.", a.Answers[a.Right], r.Received, r.Sent)
	of := func(p Packet) bool { return p.Experiment == x.Number }
	if i := slices.IndexFunc(s.Packets, of); i >= 0 {
		a.Moment = s.moment(s.Packets[i].Seq, s.Packets[i].Seq+r.Sent-1)
	}
	return a
}
