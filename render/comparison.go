package render

import (
	"bytes"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"lablab/report"
	"lablab/say"
)

// comparison writes predicted × observed: as a table, or as a list where a table does not fit.
func (t *Text) comparison(b *bytes.Buffer, r *report.Report) {
	if !r.Predicted() {
		return
	}
	const narrow = 14 // minimum columns of the title
	others := t.besideTitles(r)
	t.heading(b, say.F("Predicted and observed"))
	if t.width < others+narrow || wordy(r, t.language, t.width) {
		for _, x := range r.Experiments {
			t.paragraph(b, fmt.Sprintf("  %d  ", x.Number), plain, say.Text(x.Title))
			for _, p := range x.Compared() {
				t.paragraph(b, "     ", heldStyle(p, x), say.F("%s: predicted %s; observed %s; held: %s", p.Subject, p.Predicted, p.Observed, held(p, x)))
			}
		}
		return
	}
	w := newTable()
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: t.width - others, WidthMaxEnforcer: wrap}})
	w.AppendHeader(t.row("#", say.F("experiment"), say.F("of"), say.F("predicted"), say.F("observed"), say.F("held?")))
	for _, x := range r.Experiments {
		number, title := fmt.Sprint(x.Number), x.Title
		for _, p := range x.Compared() {
			w.AppendRow(t.row(number, say.Text(title), p.Subject, p.Predicted, p.Observed, styled(heldStyle(p, x), held(p, x).In(t.language))))
			number, title = "", ""
		}
	}
	writeTable(b, w)
}

// besideTitles returns the columns that the comparison needs apart from the titles.
func (t *Text) besideTitles(r *report.Report) int {
	const usual, between = 54, 13 // columns for the indent, the number, and the space after each column
	told := [4][]string{{t.language.Sprintf("of")}, {t.language.Sprintf("predicted")}, {t.language.Sprintf("observed")}, {t.language.Sprintf("held?")}}
	for _, x := range r.Experiments {
		for _, p := range x.Compared() {
			for i, s := range []say.Sentence{p.Subject, p.Predicted, p.Observed, held(p, x)} {
				told[i] = append(told[i], s.In(t.language))
			}
		}
	}
	return max(usual, between+widest(told[0])+widest(told[1])+widest(told[2])+widest(told[3]))
}

// wordy reports whether the predictions are too long for a table of that width.
func wordy(r *report.Report, l *say.Language, columns int) bool {
	const rest = 34 // columns for the number, a narrow title, the subject and the result
	longest := 0
	for _, x := range r.Experiments {
		for _, p := range x.Compared() {
			longest = max(longest, width(p.Predicted.In(l))+width(p.Observed.In(l)))
		}
	}
	return longest+rest > columns
}

// held returns whether the prediction held, in words.
func held(p report.Prediction, x report.Experiment) say.Sentence {
	switch {
	case p.Held:
		return say.F("yes")
	case !x.Begun:
		return say.F("not run")
	case !x.Complete:
		return say.F("cut short")
	}
	return say.F("NO")
}

// heldStyle returns the style of that word.
func heldStyle(p report.Prediction, x report.Experiment) string {
	return map[string]string{"yes": green, "not run": yellow, "cut short": yellow, "NO": red}[held(p, x).String()]
}
