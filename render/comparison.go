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
				words, style := heldIn(p, x)
				t.paragraph(b, "     ", style, say.F("%s: predicted %s; observed %s; held: %s", p.Subject, p.Predicted, p.Observed, words))
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
			words, style := heldIn(p, x)
			w.AppendRow(t.row(number, say.Text(title), p.Subject, p.Predicted, p.Observed, styled(style, words.In(t.language))))
			number, title = "", ""
		}
	}
	writeTable(b, w)
}

// besideTitles returns the columns that the comparison needs apart from the titles.
func (t *Text) besideTitles(r *report.Report) int {
	const usual, between = 54, 13 // columns for the indent, the number, and the space after each column
	columns := [4][]string{{t.language.Sprintf("of")}, {t.language.Sprintf("predicted")}, {t.language.Sprintf("observed")}, {t.language.Sprintf("held?")}}
	for _, x := range r.Experiments {
		for _, p := range x.Compared() {
			for i, s := range []say.Sentence{p.Subject, p.Predicted, p.Observed, held(p, x)} {
				columns[i] = append(columns[i], s.In(t.language))
			}
		}
	}
	return max(usual, between+widest(columns[0])+widest(columns[1])+widest(columns[2])+widest(columns[3]))
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
	words, _ := heldIn(p, x)
	return words
}

// heldIn returns those words, and their style.
func heldIn(p report.Prediction, x report.Experiment) (words say.Sentence, style string) {
	switch {
	case p.Held:
		return say.F("%s", p.Grade), green
	case !p.NotJudged.Empty():
		return say.F("not judged"), yellow
	case !x.Begun:
		return say.F("not run"), yellow
	case !x.Complete:
		return say.F("cut short"), yellow
	}
	return say.F("NO"), red
}
