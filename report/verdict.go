package report

import (
	"slices"
	"strings"

	"lablab/say"
)

// A Verdict is the result of a whole run.
type Verdict string

// In returns the verdict in a language.
func (v Verdict) In(l *say.Language) string {
	words := map[Verdict]say.Sentence{
		Held: say.F("held"), NotHeld: say.F("FAILED"), Unpredicted: say.F("unpredicted"),
		Broken: say.F("error"), NotJudged: say.F("not judged"), Interrupted: say.F("interrupted"), CutShort: say.F("cut short"),
	}
	return words[v].In(l)
}

// The verdicts.
const (
	Held        Verdict = "held"
	NotHeld     Verdict = "NOT held"
	NotJudged   Verdict = "not judged"  // whether it held depends on time, and lablab was stopped or slow
	Unpredicted Verdict = "unpredicted" // nothing was predicted, so nothing can hold
	Broken      Verdict = "broken"
	Interrupted Verdict = "interrupted"
	CutShort    Verdict = "cut short" // its record ends before the run did
)

// Predicted reports whether anything was predicted, if only the exit code of a program. A run by
// hand has no predictions.
func (r *Report) Predicted() bool {
	return slices.ContainsFunc(r.Experiments, func(x Experiment) bool { return len(x.Predictions) > 0 || len(x.Ran) > 0 })
}

// Fine reports whether nothing is wrong with the run.
func (v Verdict) Fine() bool { return v == Held || v == Unpredicted }

// Verdict returns the result of the run.
func (r *Report) Verdict() Verdict {
	switch {
	case r.Failed != "":
		return Broken
	case r.Interrupted:
		return Interrupted
	case slices.ContainsFunc(r.Experiments, func(x Experiment) bool { return x.Late }):
		return NotHeld // nothing after it is run
	case len(r.Experiments) == 0 || slices.ContainsFunc(r.Experiments, func(x Experiment) bool { return !x.Complete }):
		return CutShort
	case !r.Predicted():
		return Unpredicted
	case r.Held:
		return Held
	case slices.ContainsFunc(r.Experiments, Experiment.unjudged) && !slices.ContainsFunc(r.Experiments, Experiment.failed):
		return NotJudged
	}
	return NotHeld
}

// Break records the error that ended the run.
func (r *Report) Break(err error) { r.Failed, r.broke, r.Held = err.Error(), err, false }

// Conclusion says in one sentence how the run ended.
func (r *Report) Conclusion() say.Sentence {
	switch v := r.Verdict(); {
	case v == Broken:
		return say.F("The run ended with an error: %s", r.failure())
	case v == Interrupted:
		return say.F("Interrupted (%s): this is what was seen until then.", r.InterruptBy)
	case v == CutShort && len(r.Experiments) > 0:
		return say.F("The record ends before the run did: this is what was seen until then.")
	case !r.Predicted():
		return say.F("No predictions were made.")
	case v == Held && r.Missed != (Missed{}):
		return say.F("All predictions held, as far as the evidence goes.")
	case v == Held:
		return say.F("All predictions held.")
	}
	all, failed, unjudged := r.Points(), 0, 0
	for _, p := range all {
		switch {
		case p.Failed():
			failed++
		case p.Unjudged():
			unjudged++
		}
	}
	if failed == 0 {
		return say.F("NOT JUDGED: %d of %d predictions depend on time, and lablab was stopped or slow.", unjudged, len(all))
	}
	return say.F("FAIL: %d of %d predictions did not hold.", failed, len(all))
}

// failure returns the first line of the error that ended the run.
func (r *Report) failure() any {
	first, _, more := strings.Cut(r.Failed, "\n")
	if r.broke != nil && !more && say.Printable(first) == first {
		return r.broke
	}
	return say.Printable(first)
}

// Cause returns why the run did not complete, or nothing.
func (r *Report) Cause() say.Sentence {
	switch r.Verdict() {
	case Broken:
		return say.F("the run ended with an error: %s", r.failure())
	case Interrupted:
		return say.F("the run was interrupted: %s", r.InterruptBy)
	case CutShort:
		return say.F("the record ends before the run did")
	}
	return say.Sentence{}
}

// Name returns the name of a run among others: its scenario file, or the name of the scenario.
func (r *Report) Name() string {
	if r.File != "" {
		return say.Line(r.File)
	}
	return say.Line(r.Scenario)
}
