package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"lablab/enforce"
	"lablab/say"
)

// ModelsMarkdown writes the catalogue as Markdown: all of it, or the explanation of the model or
// product of that name.
func (t *Text) ModelsMarkdown(c enforce.Catalogue, name string) error {
	b := &markdownModels{language: t.language}
	if name == "" {
		b.all(c)
	} else {
		b.one(c, name, "##")
	}
	if len(c.Products) > 0 {
		fmt.Fprintf(&b.Buffer, "%s\n", b.wrapped("", md(nothingMeasured().In(t.language))))
	}
	if _, err := io.WriteString(t.w, say.Printable(b.String())); err != nil {
		return say.Errorf("write models: %w", err)
	}
	return nil
}

// A markdownModels is a catalogue in Markdown.
type markdownModels struct {
	bytes.Buffer
	language *say.Language
}

// all writes the whole catalogue: first tables, then what is said of each product.
func (b *markdownModels) all(c enforce.Catalogue) {
	t := &Text{language: b.language}
	models, played, unplayed := newTable(), newTable(), newTable()
	models.AppendHeader(t.row(say.F("model"), say.F("in one sentence")))
	for _, d := range c.Models {
		models.AppendRow(t.row(linked(d.Name), md(d.Summary.In(b.language))))
	}
	played.AppendHeader(t.row(say.F("model"), say.F("name"), say.F("product"), say.F("known from")))
	unplayed.AppendHeader(t.row(say.F("name"), say.F("product"), say.F("why")))
	for _, p := range c.Products {
		if p.Playable() {
			played.AppendRow(t.row("`"+p.Setting()+"`", linked(p.Alias), md(p.Name), md(grades(p).In(b.language))))
		} else {
			unplayed.AppendRow(t.row(linked(p.Alias), md(p.Name), md(p.NotPlayed.In(b.language))))
		}
	}
	b.table(modelsTitle(), models)
	for _, d := range c.Models {
		b.one(enforce.Catalogue{Models: c.Models}, d.Name, "###")
	}
	b.table(playedTitle(), played)
	b.table(unplayedTitle(), unplayed)
	fmt.Fprintf(&b.Buffer, "## %s\n\n", md(say.F("What is said of each product").In(b.language)))
	for _, p := range slices.SortedFunc(slices.Values(c.Products), func(p, q enforce.Product) int { return strings.Compare(p.Alias, q.Alias) }) {
		b.one(c, p.Alias, "###")
	}
}

func (b *markdownModels) table(title say.Sentence, w table.Writer) {
	fmt.Fprintf(&b.Buffer, "## %s\n\n%s\n\n", md(title.In(b.language)), w.RenderMarkdown())
}

// one explains one model or product, below a heading of that level.
func (b *markdownModels) one(c enforce.Catalogue, name, level string) {
	subtitle, sections := sectionsOf(c, name)
	fmt.Fprintf(&b.Buffer, "%s %s\n\n%s\n\n", level, name, b.wrapped("", md(subtitle.In(b.language))))
	for _, s := range sections {
		if !s.title.Empty() {
			fmt.Fprintf(&b.Buffer, "**%s**\n\n", md(s.title.In(b.language)))
		}
		for _, p := range s.points {
			line := md(p.says.In(b.language))
			if !p.lead.Empty() {
				line = fmt.Sprintf("*%s*: %s", md(p.lead.In(b.language)), line)
			}
			if len(p.cited) > 0 {
				line += " (" + md(strings.Join(p.cited, "; ")) + ")"
			}
			fmt.Fprintf(&b.Buffer, "- %s\n", b.wrapped("  ", line))
		}
		b.WriteByte('\n')
	}
}

// wrapped breaks a paragraph into lines. Japanese stays in one, since browsers show a line break as
// a space.
func (b *markdownModels) wrapped(indent, words string) string {
	const columns = 100
	if strings.ContainsFunc(words, isWide) {
		return words
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(words) {
		if line != "" && width(indent+line+" "+word) > columns {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n"+indent)
}

// linked returns a name as a link to its section.
func linked(name string) string { return fmt.Sprintf("[`%s`](#%s)", name, name) }
