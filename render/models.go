package render

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"lablab/enforce"
	"lablab/say"
)

// Models writes the catalogue as tables: the models, the products of each, and those that cannot be
// played.
func (t *Text) Models(c enforce.Catalogue) error {
	var b bytes.Buffer
	var models, aliases []string
	for _, d := range c.Models {
		models = append(models, d.Name)
	}
	for _, p := range c.Products {
		aliases = append(aliases, p.Alias)
	}
	t.paragraph(&b, "", bold, modelsTitle())
	for i, d := range c.Models {
		t.paragraph(&b, "  "+padded(models[i], widest(models))+"  ", plain, d.Summary)
	}
	t.heading(&b, playedTitle())
	t.paragraph(&b, "  ", dim, gradesLegend())
	setting := ""
	for i, p := range c.Products {
		lead := "    " + padded(aliases[i], widest(aliases)) + "  "
		switch {
		case !p.Playable():
			continue
		case p.Setting() != setting:
			setting = p.Setting()
			fmt.Fprintf(&b, "  %s\n", styled(bold, setting))
		}
		t.paragraph(&b, lead+padded(letters(p), len(enforce.Confidences())-1)+" ", plain, say.As(p.Name))
	}
	t.heading(&b, unplayedTitle())
	for i, p := range c.Products {
		if !p.Playable() {
			lead := "  " + padded(aliases[i], widest(aliases)) + "  "
			t.paragraph(&b, lead, plain, say.As(p.Name))
			t.paragraph(&b, strings.Repeat(" ", min(width(lead), t.width/2)), dim, p.NotPlayed)
		}
	}
	b.WriteByte('\n')
	t.paragraph(&b, "", dim, nothingMeasured())
	t.paragraph(&b, "", dim, say.F("One of them with its sources: lablab models NAME"))
	return t.flush(&b)
}

// letters abbreviates how the statements about a product are known.
func letters(p enforce.Product) string {
	var all string
	for _, c := range p.Confidences() {
		all += letter(c)
	}
	return all
}

// letter abbreviates a confidence: D, C, R or I.
func letter(c enforce.Confidence) string { return strings.ToUpper(string(c[:1])) }

// gradesLegend explains the letters.
func gradesLegend() say.Sentence {
	var all []say.Sentence
	for _, c := range enforce.Confidences() {
		all = append(all, say.F("%s %s", letter(c), c.Words()))
	}
	return say.List(", ", all...)
}

// Model explains the model or product of that name, which the catalogue has.
func (t *Text) Model(c enforce.Catalogue, name string) error {
	var b bytes.Buffer
	subtitle, sections := sectionsOf(c, name)
	t.paragraph(&b, "", bold, say.F("%s: %s", name, subtitle))
	for _, s := range sections {
		if !s.title.Empty() {
			t.heading(&b, s.title)
		}
		t.points(&b, s.points)
	}
	if len(c.Products) > 0 {
		b.WriteByte('\n')
		t.paragraph(&b, "", dim, nothingMeasured())
	}
	return t.flush(&b)
}

// points writes points with their leads in a column. Sources follow the last of the points that they
// support.
func (t *Text) points(b *bytes.Buffer, points []point) {
	var leads []string
	for _, p := range points {
		leads = append(leads, p.lead.In(t.language))
	}
	for i, p := range points {
		lead := "  " + padded(leads[i], widest(leads)) + "  "
		if p.lead.Empty() {
			lead = "  - "
		}
		t.paragraph(b, lead, plain, p.says)
		if i+1 < len(points) && slices.Equal(p.cited, points[i+1].cited) {
			continue
		}
		for _, source := range p.cited {
			t.source(b, strings.Repeat(" ", min(width(lead), t.width/2)), source)
		}
	}
}

// source writes a source. An address that is too long for a line is not broken, so that it can be
// copied.
func (t *Text) source(b *bytes.Buffer, indent, source string) {
	if !strings.Contains(source, " ") {
		fmt.Fprintf(b, "%s%s\n", indent, styled(dim, source))
		return
	}
	t.paragraph(b, indent, dim, say.As(source))
}

// A section of an explanation has a title and points.
type section struct {
	title  say.Sentence
	points []point
}

// A point is a sentence with a lead before it and its sources behind it.
type point struct {
	lead, says say.Sentence
	cited      []string
}

// sectionsOf returns the subtitle and the sections of an explanation. The first section has no title
// of its own.
func sectionsOf(c enforce.Catalogue, name string) (subtitle say.Sentence, sections []section) {
	for _, d := range c.Models {
		if d.Name == name {
			return d.Summary, aboutModel(c, d)
		}
	}
	for _, p := range c.Products {
		if p.Alias == name {
			return say.As(p.Name), aboutProduct(c, p)
		}
	}
	return say.Sentence{}, nil
}

func aboutModel(c enforce.Catalogue, d enforce.Description) []section {
	knobs, products := section{title: say.F("Settings")}, section{title: say.F("Products")}
	for _, k := range d.Knobs {
		knobs.points = append(knobs.points, point{lead: say.As(k.Name), says: say.F("%s: %s", choices(k), k.Means)})
	}
	for _, p := range c.Products {
		if p.Model == d.Name {
			products.points = append(products.points, point{lead: say.As(p.Alias), says: say.F("%s, as %s (%s)", p.Name, p.Setting(), grades(p))})
		}
	}
	return withPoints(section{points: []point{
		{lead: say.F("what decides"), says: d.Decides}, {lead: say.F("on a change"), says: d.Change}, {lead: say.F("evidence"), says: d.Evidence},
	}}, knobs, products)
}

func aboutProduct(c enforce.Catalogue, p enforce.Product) []section {
	model := section{points: []point{{lead: say.F("not played"), says: p.NotPlayed}}}
	for _, d := range c.Models {
		if d.Name == p.Model {
			model.points = []point{{lead: say.F("model"), says: say.F("%s: %s", p.Setting(), d.Summary)}}
		}
	}
	open := section{title: say.F("Not documented, as far as was found")}
	for _, u := range p.Undocumented {
		open.points = append(open.points, point{says: u})
	}
	return withPoints(model,
		section{say.F("What is said of it"), pointsOf(p.Statements)},
		section{say.F("What the model does not show"), pointsOf(p.Quirks)}, open)
}

func pointsOf(statements []enforce.Statement) (points []point) {
	for _, s := range statements {
		p := point{lead: s.Confidence.Words(), says: s.Says}
		for _, source := range s.Sources {
			p.cited = append(p.cited, source.String())
		}
		points = append(points, p)
	}
	return points
}

// withPoints drops sections without points.
func withPoints(sections ...section) []section {
	return slices.DeleteFunc(sections, func(s section) bool { return len(s.points) == 0 })
}

// grades lists how the statements about a product are known.
func grades(p enforce.Product) say.Sentence {
	var all []say.Sentence
	for _, c := range p.Confidences() {
		all = append(all, c.Words())
	}
	return say.List(", ", all...)
}

// choices lists the choices of a knob, with its default.
func choices(k enforce.KnobMeaning) say.Sentence {
	return say.F("%s (default), %s", k.Choices[0], say.Names(", ", k.Choices[1:]...))
}

func modelsTitle() say.Sentence   { return say.F("Models") }
func playedTitle() say.Sentence   { return say.F("Products, by model") }
func unplayedTitle() say.Sentence { return say.F("Products that cannot be played") }

// nothingMeasured says what the catalogue is not.
func nothingMeasured() say.Sentence {
	return say.F("This is what documentation, code and users say of the products. None of it was measured on them.")
}
