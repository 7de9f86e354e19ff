package whatif

import (
	"fmt"
	"io"
	"strings"

	"lablab/say"
)

// Markdown writes the report as a comment on a pull request: the verdict, the findings with what to
// change, and the rest folded.
func (r *Report) Markdown(to io.Writer, l *say.Language) error {
	p := &printer{Language: l}
	p.line("", say.F("**%s**", r.verdict()))
	p.line("", say.Sentence{})
	p.line("", say.F("%s: %s", say.As(escaped(r.File)), say.N(len(r.Steps), "%d call", "%d calls")))
	if list := r.alikeFindings(); len(list) > 0 {
		p.line("", say.Sentence{})
		p.row(say.F("finding"), say.F("fix"))
		fmt.Fprintln(&p.Builder, "|---|---|")
		for _, f := range list {
			text := f.said()
			if f.more > 0 {
				text = say.F("%s, and %d more of this kind", text, f.more)
			}
			p.row(text, f.CureText)
		}
	}
	details := &printer{Language: l}
	r.writeSteps(details)
	r.writeOrders(details)
	p.details(say.N(len(r.Steps), "%d call in the likely order", "%d calls in the likely order"), details.String())
	details = &printer{Language: l}
	r.writeFlows(details)
	r.writeUnknown(details)
	p.details(say.N(len(r.Flows), "%d connection", "%d connections"), strings.TrimLeft(details.String(), "\n"))
	proof := &printer{Language: l}
	r.writeProof(proof)
	if proof.Len() > 0 {
		fmt.Fprint(&p.Builder, "\n"+escaped(proof.String()))
	}
	_, err := io.WriteString(to, p.String())
	return err
}

// row writes a row of a table.
func (p *printer) row(cells ...say.Sentence) {
	for _, c := range cells {
		fmt.Fprintf(&p.Builder, "| %s ", escaped(say.Printable(c.In(p.Language))))
	}
	fmt.Fprintln(&p.Builder, "|")
}

// details writes a text that opens on a click.
func (p *printer) details(title say.Sentence, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(&p.Builder, "\n<details><summary>%s</summary>\n\n%stext\n%s%s\n\n</details>\n", escaped(title.In(p.Language)), fence, text, fence)
}

// escaped returns a text without what Markdown or HTML would take for markup.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "@", "&#64;").Replace(text)
}
