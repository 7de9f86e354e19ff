package report

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Runs writes every report in full, and the summary if there are several.
func (t *Text) Runs(r Runs) error {
	for i, result := range r.Results {
		if err := errors.Join(t.before(r, i), t.All(result.Report), t.after(result)); err != nil {
			return err
		}
	}
	if len(r.Results) == 1 {
		return nil
	}
	return t.Summary(r)
}

// before is what stands above the i-th report.
func (t *Text) before(r Runs, i int) error {
	var b bytes.Buffer
	if len(r.Results) > 1 {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.paragraph(&b, "", bold, fmt.Sprintf("%s: %s", r.Results[i].Name(), r.Results[i].Title))
	}
	return t.flush(&b)
}

// after is what stands below a report: why there is no more of it.
func (t *Text) after(r Result) error {
	var b bytes.Buffer
	if cause := r.cause(); cause != "" && !r.Interrupted {
		t.paragraph(&b, "", red, cause)
	}
	return t.flush(&b)
}

// Line writes a run among others in a line, as it ends.
func (t *Text) Line(r Result) error {
	var b bytes.Buffer
	v := r.Verdict()
	fmt.Fprintf(&b, "%s  %s (%s s)\n", styled(v.style(), fmt.Sprintf("%-11s", v)), r.Name(), seconds(r.Took))
	return t.flush(&b)
}

func (v Verdict) style() string {
	switch v {
	case Held:
		return green
	case Interrupted, CutShort:
		return yellow
	}
	return red
}

// Summary writes what of several runs did not hold, and why.
func (t *Text) Summary(r Runs) error {
	var b bytes.Buffer
	var wrong []Result
	for _, result := range r.Results {
		if result.Verdict() != Held {
			wrong = append(wrong, result)
		}
	}
	if len(wrong) > 0 {
		t.heading(&b, "What did not hold")
		t.wrong(&b, wrong)
	}
	for _, result := range wrong {
		t.reasons(&b, result)
	}
	b.WriteByte('\n')
	style := green
	if len(wrong) > 0 {
		style = red
	}
	t.paragraph(&b, "", style, r.Sum())
	return t.flush(&b)
}

// wrong is a table of the points that failed, or a list where that does not fit.
func (t *Text) wrong(b *bytes.Buffer, results []Result) {
	const narrow = 72
	w := newTable()
	room := t.width - 14 // without the indent, the padding and the number
	w.SetColumnConfigs([]table.ColumnConfig{
		{Number: 1, WidthMax: room / 3, WidthMaxEnforcer: text.WrapText},
		{Number: 3, WidthMax: room / 3, WidthMaxEnforcer: text.WrapSoft},
		{Number: 4, WidthMax: room / 3, WidthMaxEnforcer: text.WrapSoft},
	})
	w.AppendHeader(table.Row{"scenario", "#", "predicted", "observed"})
	for _, r := range results {
		for _, p := range r.points() {
			switch {
			case !p.failed():
			case t.width < narrow:
				t.paragraph(b, "  ", red, fmt.Sprintf("%s: %s", r.where(p), p.failure()))
			case p.experiment == 0:
				w.AppendRow(table.Row{r.where(p), "", p.Subject, p.Observed})
			default:
				w.AppendRow(table.Row{r.where(p), p.experiment, p.Subject + ": " + p.Predicted, p.Observed})
			}
		}
	}
	if t.width >= narrow {
		writeTable(b, w)
	}
}

// where is the place of a point, or the name of the run.
func (r *Report) where(p point) string {
	if place := r.place(p); place != "" {
		return place
	}
	return r.Name()
}

// reasons explains each subject of which something failed, once.
func (t *Text) reasons(b *bytes.Buffer, r Result) {
	var told []string
	for _, p := range r.points() {
		if !p.failed() {
			continue
		}
		for _, w := range r.whyOf(p) {
			if slices.Contains(told, w.Subject) {
				continue
			}
			if len(told) == 0 {
				t.heading(b, "Why, in "+r.Name())
			}
			told = append(told, w.Subject)
			t.paragraph(b, "  ", bold, w.Subject)
			for _, sentence := range w.Sentences {
				t.paragraph(b, "  - ", plain, sentence)
			}
		}
	}
}

// Sum counts the verdicts: "3 scenarios: 2 held, 1 NOT held".
func (r Runs) Sum() string {
	words := "scenarios"
	if len(r.Results) == 1 {
		words = "scenario"
	}
	counts := map[Verdict]int{}
	for _, result := range r.Results {
		counts[result.Verdict()]++
	}
	var parts []string
	for _, v := range []Verdict{Held, NotHeld, Broken, Interrupted, CutShort} {
		if counts[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	if len(parts) == 0 {
		return "0 scenarios"
	}
	return fmt.Sprintf("%d %s: %s", len(r.Results), words, strings.Join(parts, ", "))
}
