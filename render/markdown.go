package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"lablab/report"
	"lablab/say"
)

// markdown writes a chapter for each run: predictions, observations, explanation and conntrack
// entries. If there are several runs, those that held are folded.
func (r Runs) markdown(w io.Writer) error {
	var b bytes.Buffer
	if len(r.Results) != 1 {
		r.contents(&b)
	}
	for _, result := range r.Results {
		r.chapter(&b, result, len(r.Results) == 1 || result.Verdict() != report.Held)
	}
	if _, err := io.WriteString(w, say.Printable(b.String())); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// Contents writes only the verdicts, as Markdown.
func (r Runs) Contents(w io.Writer) error {
	var b bytes.Buffer
	r.contents(&b)
	if _, err := io.WriteString(w, say.Printable(b.String())); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

func (r Runs) contents(b *bytes.Buffer) {
	fmt.Fprintf(b, "# %s\n\n", r.Sum().In(r.Language))
	if len(r.Results) == 0 {
		return
	}
	w := newTable()
	w.AppendHeader(r.row("", say.F("scenario"), say.F("verdict"), say.F("time")))
	for _, result := range r.Results {
		w.AppendRow(r.row(sign(result.Verdict()), md(result.Name()), result.Verdict(), say.F("%s s", seconds(result.Took))))
	}
	fmt.Fprintf(b, "%s\n\n", w.RenderMarkdown())
}

// sign returns the sign that a reader looks for in a long page.
func sign(v report.Verdict) string {
	switch v {
	case report.Held:
		return "✅"
	case report.Unpredicted:
		return "➖"
	case report.NotJudged, report.Interrupted, report.CutShort:
		return "⚠️"
	}
	return "❌"
}

// row returns a table row in the language.
func (r Runs) row(cells ...any) table.Row { return (&Text{language: r.Language}).row(cells...) }

func (r Runs) chapter(b *bytes.Buffer, run Result, open bool) {
	l := r.Language
	fmt.Fprintf(b, "## %s %s: %s\n\n", sign(run.Verdict()), md(run.Scenario), md(l.Text(run.Title)))
	if run.Question != "" {
		fmt.Fprintf(b, "*%s*\n\n", md(l.Text(run.Question)))
	}
	for _, caveat := range caveats(run.Report) {
		fmt.Fprintf(b, "%s\n\n", md(caveat.In(l)))
	}
	fmt.Fprintf(b, "**%s** ", md(run.Conclusion().In(l)))
	if run.File != "" {
		b.WriteString(l.Sprintf("File %s, ", md(run.File)))
	}
	b.WriteString(l.Sprintf("%s s on %s, lablab %s.", seconds(run.Took), md(ranOn(run.Report).In(l)), md(run.Version)) + "\n\n")
	if run.Missed.Verdicts > 0 || run.Missed.Events > 0 {
		b.WriteString("⚠️ " + l.Sprintf("Lost %d verdicts and %d conntrack events (socket overflow): evidence is incomplete.", run.Missed.Verdicts, run.Missed.Events) + "\n\n")
	}
	r.manualSteps(b, run)
	r.predictions(b, run)
	r.whyInMarkdown(b, run, open)
	r.entriesInMarkdown(b, run)
}

// manualSteps lists what was done by hand.
func (r Runs) manualSteps(b *bytes.Buffer, run Result) {
	for _, x := range run.Experiments {
		for _, d := range x.Done {
			fmt.Fprintf(b, "- %s: %s\n", strings.TrimSpace(clock(r.Language, d.AtMS/1000)), md(d.What.In(r.Language)))
		}
		if len(x.Done) > 0 {
			b.WriteByte('\n')
		}
	}
}

func (r Runs) predictions(b *bytes.Buffer, run Result) {
	w := newTable()
	w.AppendHeader(r.row("#", say.F("experiment"), say.F("what"), say.F("predicted"), say.F("observed"), say.F("held?")))
	rows := 0
	for _, p := range run.Points() {
		if p.Experiment == 0 {
			continue // already said above
		}
		held := map[bool]say.Sentence{true: say.F("%s", p.Grade), false: say.F("**%s**", say.F("NO"))}[p.Held]
		if !p.Skipped.Empty() {
			held = p.Skipped
		}
		what := md(p.Subject.In(r.Language))
		if place := run.Place(p); place != "" && (p.Failed() || p.Unjudged()) {
			what += " (" + md(place) + ")"
		}
		w.AppendRow(r.row(p.Experiment, md(r.Language.Text(p.Title)), what, md(p.Predicted.In(r.Language)), md(p.Observed.In(r.Language)), held))
		rows++
	}
	if rows > 0 {
		fmt.Fprintf(b, "%s\n\n", w.RenderMarkdown())
	}
}

func (r Runs) whyInMarkdown(b *bytes.Buffer, run Result, open bool) {
	if len(run.Why) == 0 {
		return
	}
	fold(b, r.Language.Sprintf("Why"), open)
	for _, p := range run.Why {
		fmt.Fprintf(b, "**%s**\n\n", md(p.Subject.In(r.Language)))
		for _, sentence := range p.Sentences {
			fmt.Fprintf(b, "- %s\n", md(sentence.In(r.Language)))
		}
		b.WriteByte('\n')
	}
	b.WriteString("</details>\n\n")
}

// entriesInMarkdown lists the conntrack entries at the end of the last experiment.
func (r Runs) entriesInMarkdown(b *bytes.Buffer, run Result) {
	last := 0
	for _, f := range run.Flows {
		last = max(last, f.Experiment)
	}
	if last == 0 {
		return
	}
	w := newTable()
	w.AppendHeader(r.row(say.F("host"), say.F("stream"), say.F("entry"), say.F("sent"), say.F("back"), say.F("status"), say.F("admitted by")))
	for _, f := range run.Flows {
		if f.Experiment != last || run.IsCanary(f) {
			continue
		}
		stream := ""
		if f.Stream != nil {
			stream = *f.Stream
		}
		w.AppendRow(table.Row{
			f.Host, md(stream), md(f.Key().String()), figure(f, f.Packets), figure(f, f.ReplyPackets), md(strings.Join(f.Status, " ")),
			md(f.Admitter().In(r.Language)),
		})
	}
	if w.Length() == 0 {
		return
	}
	fold(b, r.Language.Sprintf("Conntrack in experiment %d", last), false)
	fmt.Fprintf(b, "%s\n\n</details>\n\n", w.RenderMarkdown())
}

// figure returns a number of packets, or nothing if the counters were not read.
func figure(f report.Flow, n uint64) any {
	if f.Packets == 0 {
		return ""
	}
	return n
}

// fold starts a section that the reader opens and closes.
func fold(b *bytes.Buffer, title string, open bool) {
	attribute := map[bool]string{true: " open"}[open]
	fmt.Fprintf(b, "<details%s><summary>%s</summary>\n\n", attribute, title)
}

// md escapes text for Markdown. A backslash becomes an entity, since in a table it would escape the
// bar after it.
func md(s string) string { return mdEscapes.Replace(oneLine(s)) }

var mdEscapes = strings.NewReplacer(
	`\`, "&#92;", "&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "\\`", "*", `\*`, "_", `\_`,
	"[", `\[`, "]", `\]`, "~", `\~`, "$", `\$`, "#", `\#`, "@", "&#64;",
)
