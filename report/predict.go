package report

import (
	"slices"

	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// predict compares the predictions of an experiment with the observations.
func (b *Builder) predict(x *Experiment) {
	x.Predictions = []Prediction{}
	for _, p := range b.plans[x.Number].Predicted {
		seen := Prediction{Line: p.Line, Column: p.Column}
		if p.Stream != "" {
			b.predictStream(x, p, &seen)
		} else {
			b.predictHost(x, p, &seen)
		}
		seen.NotJudged = b.notJudged(x, p)
		if !x.Begun {
			seen.Grade = ""
		}
		seen.Held = seen.Held && x.Complete && seen.NotJudged.Empty()
		x.Predictions = append(x.Predictions, seen)
	}
}

// A claim is one prediction about a subject, and the observation.
type claim struct {
	predicted, observed say.Sentence
	held                bool
}

func (p *Prediction) take(claims []claim) {
	var predicted, observed []say.Sentence
	p.Held = len(claims) > 0
	for _, c := range claims {
		predicted, observed = append(predicted, c.predicted), append(observed, c.observed)
		p.Held = p.Held && c.held
	}
	p.Predicted, p.Observed = say.List(", ", predicted...), say.List(", ", observed...)
}

func (b *Builder) predictStream(x *Experiment, p timeline.Prediction, seen *Prediction) {
	seen.Subject, seen.Stream = say.F("stream %s", p.Stream), p.Stream
	result := x.result(p.Stream)
	all := result.Sent == x.Packets
	var claims []claim
	if p.Outcome != "" {
		claims = append(claims, claim{Outcome(p.Outcome).words(), say.F("%s %d/%d", result.Observed, result.matching(), result.Sent), all && string(result.Observed) == p.Outcome})
	}
	for _, amount := range []struct {
		predicted *timeline.Amount
		n         int
		what      Outcome
	}{{p.Received, result.Received, Replied}, {p.Refused, result.Refused, Refused}} {
		if amount.predicted != nil {
			claims = append(claims, claim{
				say.F("%s %s", amountText(*amount.predicted), amount.what), say.F("%d/%d %s", amount.n, result.Sent, amount.what),
				all && within(*amount.predicted, amount.n, result.Sent),
			})
		}
	}
	if p.First > 0 {
		first := b.firstReply(p.Stream, x.Number)
		observed := say.F("no reply")
		if first > 0 {
			observed = say.F("first reply %d", first)
		}
		claims = append(claims, claim{say.F("first reply %d", p.First), observed, first == p.First})
	}
	verdicts := b.whereTheyArrive(p.Stream, x.Number)
	if p.By != "" {
		rules := wordsOf(verdicts, func(v verdict) string { return v.ID })
		claims = append(claims, claim{say.F("by %s", p.By), say.F("by %s", listed(rules)), decidedBy(verdicts, p.By)})
	}
	if p.Tracked != nil {
		states := wordsOf(verdicts, func(v verdict) string { return string(v.State) })
		held := areUntracked(verdicts)
		if *p.Tracked {
			held = areTracked(verdicts)
		}
		claims = append(claims, claim{trackedText(*p.Tracked), say.F("state %s", listed(states)), held})
	}
	seen.take(claims)
	seen.Grade = b.gradeOf(p.Stream, x.Number)
}

// matching returns how many packets had the outcome that was observed.
func (s StreamResult) matching() int {
	switch s.Observed {
	case Refused:
		return s.Refused
	case Replied, Mixed:
		return s.Received
	case Stalled:
		return s.Stalled
	case Reset:
		return s.Reset
	}
	return 0
}

func trackedText(tracked bool) say.Sentence {
	if tracked {
		return say.F("tracked")
	}
	return say.F("untracked")
}

func (b *Builder) predictHost(x *Experiment, p timeline.Prediction, seen *Prediction) {
	seen.Subject = say.F("host %s", p.Host)
	var c claim
	switch {
	case p.Flow != "":
		c = b.predictEntry(x, p)
		seen.Grade = b.grade(timeline.MissedEvents, b.listed[listing{x.Number, p.Host}])
	case p.Hit != "":
		n := b.hits[hit{x.Number, p.Host, p.Hit}]
		seen.Grade = b.grade(timeline.MissedVerdicts, n > 0 || !b.lossy[p.Host])
		c = claim{say.F("rule %s is hit", p.Hit), times(n), n > 0}
	case p.Never != "":
		n := 0
		for experiment := 1; experiment <= x.Number; experiment++ {
			n += b.hits[hit{experiment, p.Host, p.Never}]
		}
		c = claim{say.F("rule %s is never hit", p.Never), times(n), n == 0}
		seen.Grade = b.grade(timeline.MissedVerdicts, n > 0 || !b.lossy[p.Host])
		if b.lossy[p.Host] { // a lost verdict may have been a hit
			c.observed, c.held = say.F("%s, as far as was seen", c.observed), false
		}
	}
	seen.take([]claim{c})
}

func times(n int) say.Sentence {
	switch n {
	case 0:
		return say.F("never hit")
	case 1:
		return say.F("hit once")
	}
	return say.F("hit %d times", n)
}

// predictEntry checks the conntrack entry of a stream at the end of the experiment.
func (b *Builder) predictEntry(x *Experiment, p timeline.Prediction) claim {
	stream := b.stream(p.Flow)
	i := slices.IndexFunc(b.report.Flows, func(f Flow) bool {
		// Ignore which stream the entry is attributed to: several may have had the same flow.
		orig, reply := b.lives.translations.Before(f.orig), b.lives.translations.Before(f.reply)
		return f.Experiment == x.Number && f.Host == p.Host && !f.Untracked && stream != nil && (stream.has(orig) || stream.has(reply) && !stream.IsPing())
	})
	looked := b.listed[listing{x.Number, p.Host}]
	switch {
	case p.Absent:
		observed := say.F("no entry")
		if i >= 0 {
			observed = say.F("an entry, %s", b.report.Flows[i].Admission())
		}
		return claim{say.F("no entry for stream %s", p.Flow), observed, looked && i < 0}
	case i < 0:
		return claim{say.F("an entry for stream %s", p.Flow), say.F("no entry"), false}
	case p.AdmittedBy == "" && p.ReleasedBy == "":
		return claim{say.F("an entry for stream %s", p.Flow), say.F("an entry"), true}
	}
	by, released := b.report.Flows[i].AdmittedBy, b.report.Flows[i].ReleasedBy
	c := claim{say.F("an entry for stream %s, admitted by %s", p.Flow, p.AdmittedBy), b.report.Flows[i].Admission(), by != nil && *by == p.AdmittedBy}
	if p.ReleasedBy == "" {
		return c
	}
	c.predicted = say.F("an entry for stream %s, admitted by %s, released by %s", p.Flow, p.AdmittedBy, p.ReleasedBy)
	if p.AdmittedBy == "" {
		c.predicted, c.held = say.F("an entry for stream %s, released by %s", p.Flow, p.ReleasedBy), true
	}
	c.held = c.held && released != nil && *released == p.ReleasedBy
	return c
}

// firstReply returns the first packet of a stream that was answered by the end of an experiment, or
// 0.
func (b *Builder) firstReply(stream string, experiment int) int {
	for _, j := range b.packets[stream] {
		if (j.Outcome == Replied || j.Outcome == Late) && j.Experiment <= experiment {
			return j.Seq
		}
	}
	return 0
}

// whereTheyArrive returns the verdicts on a stream's packets in an experiment: at the destination,
// or before it where they were dropped.
func (b *Builder) whereTheyArrive(stream string, experiment int) []verdict {
	s := b.stream(stream)
	if s == nil {
		return nil
	}
	var found []verdict
	for _, j := range b.packets[stream] {
		if j.Experiment != experiment {
			continue
		}
		for _, v := range j.verdicts {
			arrives := v.Host == s.To && v.Direction == packet.Ingress || !v.Accepted
			if !v.Reply && v.experiment == experiment && arrives {
				found = append(found, v)
			}
		}
	}
	return found
}

// wordsOf returns one word for each verdict, without duplicates.
func wordsOf(verdicts []verdict, word func(verdict) string) []string {
	var words []string
	for _, v := range verdicts {
		if w := word(v); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

// areTracked reports whether conntrack tracked the packets: it does not keep what is new and
// dropped, or invalid.
func areTracked(verdicts []verdict) bool {
	return len(verdicts) > 0 && !slices.ContainsFunc(verdicts, func(v verdict) bool {
		return v.State != "established" && (v.State != "new" || !v.Accepted)
	})
}

func areUntracked(verdicts []verdict) bool {
	return len(verdicts) > 0 && !slices.ContainsFunc(verdicts, func(v verdict) bool { return v.State != "untracked" })
}

// decidedBy reports whether a rule decided about the packets: once it has accepted the first, the
// others are established.
func decidedBy(verdicts []verdict, rule string) bool {
	return slices.ContainsFunc(verdicts, func(v verdict) bool { return v.decidesAs(rule) }) &&
		!slices.ContainsFunc(verdicts, func(v verdict) bool { return !v.decidesAs(rule) && !v.isKnown() })
}

func listed(words []string) say.Sentence {
	if len(words) == 0 {
		return say.F("nothing")
	}
	return say.Names(" and ", words...)
}

const noLimit = 1e18

// within reports whether n of that many is within the amount.
func within(a timeline.Amount, n, of int) bool {
	value := float64(n)
	if a.Percent {
		if of == 0 {
			return false
		}
		value = 100 * value / float64(of)
	}
	return a.Min <= value && value <= a.Max
}

func amountText(a timeline.Amount) say.Sentence {
	unit := ""
	if a.Percent {
		unit = "%"
	}
	switch {
	case a.Min == a.Max:
		return say.F("%g%s", a.Min, unit)
	case a.Max >= noLimit:
		return say.F("at least %g%s", a.Min, unit)
	case a.Min <= 0:
		return say.F("at most %g%s", a.Max, unit)
	}
	return say.F("%g%s to %g%s", a.Min, unit, a.Max, unit)
}

// WithoutPredictions returns a copy of the report that says nothing about the predictions, as where they
// are for other enforcement models.
func (r *Report) WithoutPredictions() *Report {
	without := *r
	without.Experiments = slices.Clone(r.Experiments)
	for i := range without.Experiments {
		x := &without.Experiments[i]
		x.Predictions, x.NotJudged = []Prediction{}, say.Sentence{}
		x.Held = x.Complete && !x.Late && !slices.ContainsFunc(x.Compared(), func(p Prediction) bool { return !p.Held })
		x.Streams = slices.Clone(x.Streams)
		for k := range x.Streams {
			x.Streams[k].Predicted, x.Streams[k].Held = "", x.Complete
		}
	}
	without.Held = without.Predicted() && !without.Interrupted && without.Failed == "" &&
		!slices.ContainsFunc(without.Experiments, func(x Experiment) bool { return !x.Held })
	return &without
}
