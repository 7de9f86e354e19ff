package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"lablab/say"
)

// markdown writes a chapter for each run: what was predicted and observed, why,
// and the conntrack entries. What held is folded where there are several.
func (r Runs) markdown(w io.Writer) error {
	var b bytes.Buffer
	if len(r.Results) != 1 {
		r.contents(&b)
	}
	for _, result := range r.Results {
		r.chapter(&b, result, len(r.Results) == 1 || result.Verdict() != Held)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// Contents writes, as Markdown, the verdicts alone.
func (r Runs) Contents(w io.Writer) error {
	var b bytes.Buffer
	r.contents(&b)
	if _, err := w.Write(b.Bytes()); err != nil {
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
		w.AppendRow(r.row(result.Verdict().sign(), md(result.Name()), result.Verdict(), say.F("%s s", seconds(result.Took))))
	}
	fmt.Fprintf(b, "%s\n\n", w.RenderMarkdown())
}

// sign is what a reader looks for in a long page.
func (v Verdict) sign() string {
	switch v {
	case Held:
		return "✅"
	case Interrupted, CutShort:
		return "⚠️"
	}
	return "❌"
}

// row is a row of a table, in the language.
func (r Runs) row(cells ...any) table.Row { return (&Text{language: r.Language}).row(cells...) }

func (all Runs) chapter(b *bytes.Buffer, r Result, open bool) {
	l := all.Language
	fmt.Fprintf(b, "## %s %s: %s\n\n", r.Verdict().sign(), md(r.Scenario), md(l.Text(r.Title)))
	if r.Question != "" {
		fmt.Fprintf(b, "*%s*\n\n", md(l.Text(r.Question)))
	}
	if r.TimeScale > 0 {
		fmt.Fprintf(b, "%s\n\n", md(r.lapse().In(l)))
	}
	words := map[Verdict]say.Sentence{Held: say.F("Everything was as predicted."), NotHeld: say.F("NOT everything was as predicted.")}[r.Verdict()]
	if words.Empty() {
		words = r.cause()
	}
	fmt.Fprintf(b, "**%s** ", md(words.In(l)))
	if r.File != "" {
		b.WriteString(l.Sprintf("File %s, ", md(r.File)))
	}
	b.WriteString(l.Sprintf("%s s on %s, lablab %s.", seconds(r.Took), md(r.Kernel), md(r.Version)) + "\n\n")
	if r.Missed.Verdicts > 0 || r.Missed.Events > 0 {
		b.WriteString("⚠️ " + l.Sprintf("%d verdicts and %d conntrack events that the kernel gave were not heard; the evidence is not complete.", r.Missed.Verdicts, r.Missed.Events) + "\n\n")
	}
	all.predictions(b, r)
	all.whyInMarkdown(b, r, open)
	all.entriesInMarkdown(b, r)
}

func (all Runs) predictions(b *bytes.Buffer, r Result) {
	w := newTable()
	w.AppendHeader(all.row("#", say.F("experiment"), say.F("what"), say.F("predicted"), say.F("observed"), say.F("held")))
	rows := 0
	for _, p := range r.points() {
		if p.experiment == 0 {
			continue // said above
		}
		held := map[bool]say.Sentence{true: say.F("yes"), false: say.F("**%s**", say.F("NO"))}[p.Held]
		if !p.skipped.Empty() {
			held = p.skipped
		}
		what := md(p.Subject.In(all.Language))
		if place := r.place(p); place != "" && p.failed() {
			what += " (" + md(place) + ")"
		}
		w.AppendRow(all.row(p.experiment, md(all.Language.Text(p.title)), what, md(p.Predicted.In(all.Language)), md(p.Observed.In(all.Language)), held))
		rows++
	}
	if rows > 0 {
		fmt.Fprintf(b, "%s\n\n", w.RenderMarkdown())
	}
}

func (all Runs) whyInMarkdown(b *bytes.Buffer, r Result, open bool) {
	if len(r.Why) == 0 {
		return
	}
	fold(b, all.Language.Sprintf("Why"), open)
	for _, p := range r.Why {
		fmt.Fprintf(b, "**%s**\n\n", md(p.Subject.In(all.Language)))
		for _, sentence := range p.Sentences {
			fmt.Fprintf(b, "- %s\n", md(sentence.In(all.Language)))
		}
		b.WriteByte('\n')
	}
	b.WriteString("</details>\n\n")
}

// entriesInMarkdown lists the conntrack entries at the end of the last experiment.
func (all Runs) entriesInMarkdown(b *bytes.Buffer, r Result) {
	last := 0
	for _, f := range r.Flows {
		last = max(last, f.Experiment)
	}
	if last == 0 {
		return
	}
	w := newTable()
	w.AppendHeader(all.row(say.F("host"), say.F("stream"), say.F("entry"), say.F("sent"), say.F("back"), say.F("status"), say.F("admitted by")))
	for _, f := range r.Flows {
		if f.Experiment != last || r.isCanary(f) {
			continue
		}
		stream := ""
		if f.Stream != nil {
			stream = *f.Stream
		}
		w.AppendRow(table.Row{
			f.Host, md(stream), md(f.key()), f.Packets, f.ReplyPackets, md(strings.Join(f.Status, " ")),
			md(f.by().In(all.Language)),
		})
	}
	if w.Length() == 0 {
		return
	}
	fold(b, all.Language.Sprintf("Conntrack in experiment %d", last), false)
	fmt.Fprintf(b, "%s\n\n</details>\n\n", w.RenderMarkdown())
}

// fold begins what a reader opens or closes.
func fold(b *bytes.Buffer, title string, open bool) {
	attribute := map[bool]string{true: " open"}[open]
	fmt.Fprintf(b, "<details%s><summary>%s</summary>\n\n", attribute, title)
}

// md is text in which Markdown finds nothing of its own. A backslash is written
// as an entity, since in a table it would escape the bar after it.
func md(s string) string { return mdEscapes.Replace(oneLine(s)) }

var mdEscapes = strings.NewReplacer(
	`\`, "&#92;", "&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "\\`", "*", `\*`, "_", `\_`,
	"[", `\[`, "]", `\]`, "~", `\~`, "$", `\$`, "#", `\#`, "@", "&#64;",
)
