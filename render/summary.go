package render

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"lablab/report"
	"lablab/say"
)

// Runs writes every report in full, and the summary if there are several.
func (t *Text) Runs(r Runs) error {
	for i, result := range r.Results {
		if err := errors.Join(t.before(r, i), t.All(result.Report)); err != nil {
			return err
		}
	}
	if len(r.Results) == 1 {
		return nil
	}
	return t.Summary(r)
}

// before writes what goes above the i-th report.
func (t *Text) before(r Runs, i int) error {
	var b bytes.Buffer
	if len(r.Results) > 1 {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.paragraph(&b, "", bold, say.F("%s: %s", r.Results[i].Name(), say.Text(r.Results[i].Title)))
	}
	return t.flush(&b)
}

// Line writes one line for a run among others, as it ends.
func (t *Text) Line(r Result) error {
	var b bytes.Buffer
	verdict := padded(r.Verdict().In(t.language), 11)
	took := say.F("%s s", seconds(r.Took))
	if r.Simulated() {
		took = say.F("simulated, %s", took)
	}
	fmt.Fprintf(&b, "%s  %s (%s)\n", styled(toneOf(r.Report).style(), verdict), r.Name(), took.In(t.language))
	return t.flush(&b)
}

func (t tone) style() string {
	return map[tone]string{good: green, neutral: plain, doubtful: yellow, bad: red}[t]
}

// Summary writes what did not hold in several runs, and why.
func (t *Text) Summary(r Runs) error {
	var b bytes.Buffer
	var wrong []Result
	var unjudged []say.Sentence
	for _, result := range r.Results {
		if v := result.Verdict(); !v.Fine() && v != report.NotJudged {
			wrong = append(wrong, result)
		}
		for _, p := range result.Unjudged() {
			unjudged = append(unjudged, say.F("%s: %s", where(result.Report, p), p.Reason()))
		}
	}
	if len(wrong) > 0 {
		t.heading(&b, say.F("What did not hold"))
		t.wrong(&b, wrong)
	}
	if len(unjudged) > 0 {
		t.heading(&b, say.F("What was not judged"))
	}
	for _, p := range unjudged {
		t.paragraph(&b, "  ", yellow, p)
	}
	for _, result := range wrong {
		t.reasons(&b, result)
	}
	b.WriteByte('\n')
	style := green
	switch {
	case len(wrong) > 0:
		style = red
	case len(unjudged) > 0:
		style = yellow
	}
	t.paragraph(&b, "", style, r.Sum())
	return t.flush(&b)
}

// wrong writes a table of the points that failed, or a list where a table does not fit.
func (t *Text) wrong(b *bytes.Buffer, results []Result) {
	const narrow = 72
	w := newTable()
	room := t.width - 14 // without the indent, the padding and the number
	w.SetColumnConfigs([]table.ColumnConfig{
		{Number: 1, WidthMax: room / 3, WidthMaxEnforcer: text.WrapText},
		{Number: 3, WidthMax: room / 3, WidthMaxEnforcer: wrap},
		{Number: 4, WidthMax: room / 3, WidthMaxEnforcer: wrap},
	})
	w.AppendHeader(t.row(say.F("scenario"), "#", say.F("predicted"), say.F("observed")))
	for _, r := range results {
		for _, p := range r.Points() {
			switch {
			case !p.Failed():
			case t.width < narrow:
				t.paragraph(b, "  ", red, say.F("%s: %s", where(r.Report, p), p.Failure()))
			case p.Experiment == 0:
				w.AppendRow(t.row(where(r.Report, p), "", p.Subject, p.Observed))
			default:
				w.AppendRow(t.row(where(r.Report, p), p.Experiment, say.F("%s: %s", p.Subject, p.Predicted), p.Observed))
			}
		}
	}
	if t.width >= narrow {
		writeTable(b, w)
	}
}

// where returns the place of a point, or the name of the run.
func where(r *report.Report, p report.Point) string {
	if place := r.Place(p); place != "" {
		return place
	}
	return r.Name()
}

// reasons explains each subject with a failure, once.
func (t *Text) reasons(b *bytes.Buffer, r Result) {
	var explained []string
	for _, p := range r.Points() {
		if !p.Failed() {
			continue
		}
		for _, w := range r.WhyOf(p) {
			if slices.Contains(explained, w.Stream) {
				continue
			}
			if len(explained) == 0 {
				t.heading(b, say.F("Why, in %s", r.Name()))
			}
			explained = append(explained, w.Stream)
			t.paragraph(b, "  ", bold, w.Subject)
			for _, sentence := range w.Sentences {
				t.paragraph(b, "  - ", plain, sentence)
			}
		}
	}
}

// Sum counts the verdicts: "3 scenarios: 2 held, 1 NOT held".
func (r Runs) Sum() say.Sentence {
	scenarios := say.N(len(r.Results), "%d scenario", "%d scenarios")
	counts := map[report.Verdict]int{}
	for _, result := range r.Results {
		counts[result.Verdict()]++
	}
	var parts []say.Sentence
	for _, v := range []report.Verdict{report.Held, report.NotHeld, report.NotJudged, report.Unpredicted, report.Broken, report.Interrupted, report.CutShort} {
		if counts[v] > 0 {
			parts = append(parts, say.F("%d %s", counts[v], v))
		}
	}
	if len(parts) == 0 {
		return scenarios
	}
	return say.F("%s: %s", scenarios, say.List(", ", parts...))
}
