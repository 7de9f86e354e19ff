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
		result.chapter(&b, len(r.Results) == 1 || result.Verdict() != Held)
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
	fmt.Fprintf(b, "# %s\n\n", r.Sum())
	if len(r.Results) == 0 {
		return
	}
	w := newTable()
	w.AppendHeader(table.Row{"", "scenario", "verdict", "time"})
	for _, result := range r.Results {
		w.AppendRow(table.Row{result.Verdict().sign(), md(result.Name()), result.Verdict(), seconds(result.Took) + " s"})
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

func (r Result) chapter(b *bytes.Buffer, open bool) {
	fmt.Fprintf(b, "## %s %s: %s\n\n", r.Verdict().sign(), md(r.Scenario), md(r.Title))
	if r.Question != "" {
		fmt.Fprintf(b, "*%s*\n\n", md(r.Question))
	}
	if r.TimeScale > 0 {
		fmt.Fprintf(b, "%s\n\n", md(r.lapse()))
	}
	words := map[Verdict]string{Held: "Everything was as predicted.", NotHeld: "NOT everything was as predicted."}[r.Verdict()]
	if words == "" {
		words = r.cause()
	}
	fmt.Fprintf(b, "**%s** ", md(words))
	if r.File != "" {
		fmt.Fprintf(b, "File %s, ", md(r.File))
	}
	fmt.Fprintf(b, "%s s on %s, lablab %s.\n\n", seconds(r.Took), md(r.Kernel), md(r.Version))
	if r.Missed.Verdicts > 0 || r.Missed.Events > 0 {
		fmt.Fprintf(b, "⚠️ %d verdicts and %d conntrack events that the kernel gave were not heard; the evidence is not complete.\n\n", r.Missed.Verdicts, r.Missed.Events)
	}
	r.predictions(b)
	r.whyInMarkdown(b, open)
	r.entriesInMarkdown(b)
}

func (r Result) predictions(b *bytes.Buffer) {
	w := newTable()
	w.AppendHeader(table.Row{"#", "experiment", "what", "predicted", "observed", "held"})
	rows := 0
	for _, p := range r.points() {
		if p.experiment == 0 {
			continue // said above
		}
		held := map[bool]string{true: "yes", false: "**NO**"}[p.Held]
		if p.skipped != "" {
			held = p.skipped
		}
		what := md(p.Subject)
		if place := r.place(p); place != "" && p.failed() {
			what += " (" + md(place) + ")"
		}
		w.AppendRow(table.Row{p.experiment, md(p.title), what, md(p.Predicted), md(p.Observed), held})
		rows++
	}
	if rows > 0 {
		fmt.Fprintf(b, "%s\n\n", w.RenderMarkdown())
	}
}

func (r Result) whyInMarkdown(b *bytes.Buffer, open bool) {
	if len(r.Why) == 0 {
		return
	}
	fold(b, "Why", open)
	for _, p := range r.Why {
		fmt.Fprintf(b, "**%s**\n\n", md(p.Subject))
		for _, sentence := range p.Sentences {
			fmt.Fprintf(b, "- %s\n", md(sentence))
		}
		b.WriteByte('\n')
	}
	b.WriteString("</details>\n\n")
}

// entriesInMarkdown lists the conntrack entries at the end of the last experiment.
func (r Result) entriesInMarkdown(b *bytes.Buffer) {
	last := 0
	for _, f := range r.Flows {
		last = max(last, f.Experiment)
	}
	if last == 0 {
		return
	}
	w := newTable()
	w.AppendHeader(table.Row{"host", "stream", "entry", "sent", "back", "status", "admitted by"})
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
			md(strings.TrimPrefix(f.admission(), "admitted by ")),
		})
	}
	if w.Length() == 0 {
		return
	}
	fold(b, fmt.Sprintf("Conntrack in experiment %d", last), false)
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
