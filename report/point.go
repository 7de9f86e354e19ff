package report

import (
	"fmt"
	"slices"
	"strings"

	"lablab/say"
)

// A Point is one thing that can hold or fail, as test tools count them: a prediction, the exit code
// of a program, or the run itself.
type Point struct {
	Experiment int // 0 if about the whole run
	Title      string
	Prediction
	Skipped say.Sentence // why nothing is said about it
	Broken  bool         // the run failed, not a prediction
}

// Name returns a name that is unique within the run.
func (p Point) Name() string {
	if p.Experiment == 0 {
		return p.Subject.String()
	}
	return fmt.Sprintf("%d. %s: %s %s", p.Experiment, p.Title, p.Subject, p.Predicted)
}

// Failed reports whether it should have held and did not.
func (p Point) Failed() bool { return !p.Held && p.Skipped.Empty() }

// Unjudged reports whether nothing is said about it because it depends on time, and lablab was
// stopped or slow.
func (p Point) Unjudged() bool { return !p.NotJudged.Empty() }

// Failure says what is wrong, in one line.
func (p Point) Failure() say.Sentence {
	if p.Broken {
		return p.Observed
	}
	return say.F("experiment %d, %s: predicted %s, observed %s", p.Experiment, p.Subject, p.Predicted, p.Observed)
}

// Points returns all predictions. They all hold only if the run did.
func (r *Report) Points() []Point {
	var all []Point
	for _, x := range r.Experiments {
		for _, p := range x.points() {
			if p.Line == 0 {
				p.Line = x.Line
			}
			all = append(all, p)
		}
	}
	if cause := r.Cause(); !cause.Empty() {
		all = append(all, Point{Prediction: Prediction{Subject: say.F("the run is finished"), Observed: cause}, Broken: true})
	}
	if v := r.Verdict(); !v.Fine() && v != NotJudged && !slices.ContainsFunc(all, Point.Failed) {
		all = append(all, Point{Prediction: Prediction{Subject: say.F("all predictions hold"), Observed: say.F("not all predictions held")}, Broken: true})
	}
	return all
}

// Failures returns what did not hold, if Conclusion does not say it.
func (r *Report) Failures() []Point {
	return slices.DeleteFunc(r.Points(), func(p Point) bool {
		return !p.Failed() || p.Broken && !r.Cause().Empty()
	})
}

// Unjudged returns the predictions about which nothing is said because they depend on time, and
// lablab was stopped or slow.
func (r *Report) Unjudged() []Point {
	return slices.DeleteFunc(r.Points(), func(p Point) bool { return !p.Unjudged() })
}

// Reason says why nothing is said about a prediction, in one line.
func (p Point) Reason() say.Sentence {
	return say.F("experiment %d, %s: predicted %s; not judged: %s", p.Experiment, p.Subject, p.Predicted, p.NotJudged)
}

func (x Experiment) points() []Point {
	var all []Point
	add := func(p Prediction) {
		skipped := x.skipped()
		switch {
		case !skipped.Empty():
			p.NotJudged = say.Sentence{}
		case !p.NotJudged.Empty():
			skipped = say.F("not judged: %s", p.NotJudged)
		}
		all = append(all, Point{Experiment: x.Number, Title: x.Title, Prediction: p, Skipped: skipped})
	}
	for _, p := range x.Predictions {
		add(p)
	}
	for i, ran := range x.Ran {
		p := x.exit(i)
		if ran.Output != "" && !p.Held {
			p.Observed = say.F("%s: %s", p.Observed, say.Printable(lasting(ran.Output)))
		}
		add(p)
	}
	if x.Late {
		add(Prediction{Subject: say.F("experiment"), Predicted: say.F("to end in time"), Observed: tooLate()})
		all[len(all)-1].Skipped = say.Sentence{}
	}
	if x.Complete && !x.Held && !slices.ContainsFunc(all, func(p Point) bool { return p.Failed() || p.Unjudged() }) {
		add(Prediction{Subject: say.F("experiment"), Predicted: say.F("to hold"), Observed: say.F("it did not")})
	}
	return all
}

// failed reports whether a prediction of the experiment did not hold.
func (x Experiment) failed() bool { return slices.ContainsFunc(x.points(), Point.Failed) }

// unjudged reports whether nothing is said about a prediction of the experiment.
func (x Experiment) unjudged() bool { return slices.ContainsFunc(x.points(), Point.Unjudged) }

// Compared returns the predictions of the experiment, those of exit codes too.
func (x Experiment) Compared() []Prediction {
	all := slices.Clone(x.Predictions)
	for i := range x.Ran {
		all = append(all, x.exit(i))
	}
	return all
}

// exit returns the expected exit code of the i-th program, and the observed one.
func (x Experiment) exit(i int) Prediction {
	ran := x.Ran[i]
	p := Prediction{
		Subject: say.F("host %s", ran.Host), Held: ran.Exit == ran.Expected, Grade: Observed, Observed: say.F("exit code %d", ran.Exit),
		Predicted: say.F("exit code %d of %s", ran.Expected, strings.Join(ran.Command, " ")),
	}
	if i < len(x.excused) {
		p.NotJudged = x.excused[i]
	}
	return p
}

// lasting returns a program's output as a terminal would show it in the end: without the text that
// the program overwrote after a carriage return, such as a progress meter.
func lasting(output string) string {
	lines := strings.Split(output, "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:]
	}
	return strings.Join(lines, "\n")
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

// WhyOf returns the explanation for a point: that of its stream, or all of it.
func (r *Report) WhyOf(p Point) []Paragraph {
	about := slices.DeleteFunc(slices.Clone(r.Why), func(w Paragraph) bool {
		return p.Stream == "" || w.Stream != p.Stream
	})
	if len(about) > 0 {
		return about
	}
	return r.Why
}

// Place returns the place of a point in its scenario file, in the format of compilers, or nothing.
func (r *Report) Place(p Point) string {
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
