package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lablab/say"
	"lablab/timeline"
)

// Formats returns the names of the formats that Runs can be written in.
func Formats() []string { return []string{"text", "json", "junit", "tap", "markdown", "cast"} }

// A Result is a run and how long it took.
type Result struct {
	*Report
	Took     time.Duration
	Timeline []timeline.Event // the events behind the report, for formats that replay them
}

// ResultOf explains a run, or as much of it as has happened.
func ResultOf(events []timeline.Event) Result {
	r := Result{Report: Of(events), Timeline: events}
	if len(events) > 0 {
		r.Took = events[len(events)-1].At
	}
	return r
}

// Runs are the results of one command.
type Runs struct {
	Results []Result
	// Many reports that the command could have run several scenarios, even if it ran one: programs
	// then get a list.
	Many bool
	// Language is the language of results for people.
	Language *say.Language
}

// Write writes all results in one of the Formats.
func (r Runs) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return NewText(w, 80, r.Language).Runs(r)
	case "json":
		return r.json(w)
	case "junit":
		return r.junit(w)
	case "tap":
		return r.tap(w)
	case "markdown":
		return r.markdown(w)
	case "cast":
		return r.cast(w)
	}
	return say.Errorf("write report: unknown format %q", format)
}

func (r Runs) json(w io.Writer) error {
	if !r.Many && len(r.Results) == 1 {
		return JSON(w, r.Results[0].Report)
	}
	reports := make([]*Report, 0, len(r.Results))
	for _, result := range r.Results {
		reports = append(reports, result.Report)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(reports); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// Slim drops what only JSON, the full text and replays show: each packet, each event. That is most
// of a report, and there may be thousands of reports.
func (r *Result) Slim() {
	r.Timeline = nil
	r.Events = []FlowEvent{}
	for i := range r.Streams {
		r.Streams[i].Packets = []Packet{}
	}
}

// A Verdict is the result of a whole run.
type Verdict string

// In returns the verdict in a language.
func (v Verdict) In(l *say.Language) string {
	words := map[Verdict]say.Sentence{
		Held: say.F("held"), NotHeld: say.F("FAILED"), Unpredicted: say.F("unpredicted"),
		Broken: say.F("error"), Interrupted: say.F("interrupted"), CutShort: say.F("cut short"),
	}
	return words[v].In(l)
}

// The verdicts.
const (
	Held        Verdict = "held"
	NotHeld     Verdict = "NOT held"
	Unpredicted Verdict = "unpredicted" // nothing was predicted, so nothing can hold
	Broken      Verdict = "broken"
	Interrupted Verdict = "interrupted"
	CutShort    Verdict = "cut short" // its record ends before the run did
)

// predicted reports whether anything was predicted, if only the exit code of a program. A run by
// hand has no predictions.
func (r *Report) predicted() bool {
	return slices.ContainsFunc(r.Experiments, func(x Experiment) bool { return len(x.Predictions) > 0 || len(x.Ran) > 0 })
}

// fine reports whether nothing is wrong with the run.
func (v Verdict) fine() bool { return v == Held || v == Unpredicted }

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
	case !r.predicted():
		return Unpredicted
	case r.Held:
		return Held
	}
	return NotHeld
}

// Break records the error that ended the run.
func (r *Report) Break(err error) { r.Failed, r.broke, r.Held = err.Error(), err, false }

// cause returns why the run did not complete, or nothing.
func (r *Report) cause() say.Sentence {
	switch r.Verdict() {
	case Broken:
		first, _, more := strings.Cut(r.Failed, "\n")
		if r.broke != nil && !more && printable(first) == first {
			return say.F("the run ended with an error: %s", r.broke)
		}
		return say.F("the run ended with an error: %s", printable(first))
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
		return r.File
	}
	return r.Scenario
}

// A point is one thing that can hold or fail, as test tools count them.
type point struct {
	experiment int // 0 if about the whole run
	title      string
	Prediction
	skipped say.Sentence // why nothing is said about it
	broken  bool         // the run failed, not a prediction
}

// name returns a name that is unique within the run.
func (p point) name() string {
	if p.experiment == 0 {
		return p.Subject.String()
	}
	return fmt.Sprintf("%d. %s: %s %s", p.experiment, p.title, p.Subject, p.Predicted)
}

func (p point) failed() bool { return !p.Held && p.skipped.Empty() }

// failure says what is wrong, in one line.
func (p point) failure() say.Sentence {
	if p.broken {
		return p.Observed
	}
	return say.F("experiment %d, %s: predicted %s, observed %s", p.experiment, p.Subject, p.Predicted, p.Observed)
}

// points returns all predictions. They all hold only if the run did.
func (r *Report) points() []point {
	var all []point
	for _, x := range r.Experiments {
		for _, p := range x.points() {
			if p.Line == 0 {
				p.Line = x.Line
			}
			all = append(all, p)
		}
	}
	if cause := r.cause(); !cause.Empty() {
		all = append(all, point{Prediction: Prediction{Subject: say.F("the run is finished"), Observed: cause}, broken: true})
	}
	if !r.Verdict().fine() && !slices.ContainsFunc(all, point.failed) {
		all = append(all, point{Prediction: Prediction{Subject: say.F("all predictions hold"), Observed: say.F("not all predictions held")}, broken: true})
	}
	return all
}

// notHeld says how many predictions did not hold.
func (r *Report) notHeld() say.Sentence {
	all, failed := r.points(), 0
	for _, p := range all {
		if p.failed() {
			failed++
		}
	}
	return say.F("FAIL: %d of %d predictions did not hold.", failed, len(all))
}

func (x Experiment) points() []point {
	var all []point
	add := func(p Prediction) {
		all = append(all, point{experiment: x.Number, title: x.Title, Prediction: p, skipped: x.skipped()})
	}
	for _, p := range x.Predictions {
		add(p)
	}
	for _, ran := range x.Ran {
		observed := say.F("exit code %d", ran.Exit)
		if ran.Output != "" && ran.Exit != ran.Expected {
			observed = say.F("%s: %s", observed, printable(ran.Output))
		}
		add(Prediction{
			Subject: say.F("host %s", ran.Host), Held: ran.Exit == ran.Expected, Observed: observed,
			Predicted: say.F("exit code %d of %s", ran.Expected, strings.Join(ran.Command, " ")),
		})
	}
	if x.Late {
		add(Prediction{Subject: say.F("experiment"), Predicted: say.F("to end in time"), Observed: tooLate()})
		all[len(all)-1].skipped = say.Sentence{}
	}
	if x.Complete && !x.Held && !slices.ContainsFunc(all, point.failed) {
		add(Prediction{Subject: say.F("experiment"), Predicted: say.F("to hold"), Observed: say.F("it did not")})
	}
	return all
}

func tooLate() say.Sentence { return say.F("it exceeded its time limit") }

// skipped returns why nothing can be said about the experiment's predictions, or nothing.
func (x Experiment) skipped() say.Sentence {
	switch {
	case x.Late:
		return tooLate()
	case !x.Begun:
		return say.F("not run")
	case !x.Complete:
		return say.F("cut short")
	}
	return say.Sentence{}
}

// whyOf returns the explanation for a point: that of its stream, or all of it.
func (r *Report) whyOf(p point) []Paragraph {
	about := slices.DeleteFunc(slices.Clone(r.Why), func(w Paragraph) bool {
		return !strings.HasPrefix(strings.ToLower(w.Subject.String())+" ", strings.ToLower(p.Subject.String())+" ")
	})
	if len(about) > 0 {
		return about
	}
	return r.Why
}

// place returns the place of a point in its scenario file, in the format of compilers, or nothing.
func (r *Report) place(p point) string {
	switch {
	case r.File == "":
		return ""
	case p.Line == 0:
		return r.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", r.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", r.File, p.Line, p.Column)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
