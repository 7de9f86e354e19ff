package report

import (
	"bytes"
	"slices"
	"strings"

	"lablab/say"
)

// A Diagnosis is what a machine can do, for `lablab doctor`.
type Diagnosis struct {
	Able     bool      `json:"able"` // to play scenarios
	Kernel   string    `json:"kernel"`
	Rootless bool      `json:"rootless"` // in a user namespace
	Checks   []Ability `json:"checks"`
	// Run is how the person who asked runs a scenario.
	Run string `json:"-"`
}

// An Ability is one thing that a machine can do or not.
type Ability struct {
	Name   string       `json:"name"`
	Status string       `json:"status"` // ok, degraded, missing or not tried
	Found  say.Sentence `json:"found"`
	Hint   say.Sentence `json:"hint,omitzero"` // the way out
	Needed bool         `json:"needed"`        // whether no scenario can be played without it
}

// Diagnosis writes what a machine can do for people: a line each, the way out
// below it, and at the end what follows.
func (t *Text) Diagnosis(d *Diagnosis) error {
	var b bytes.Buffer
	var names []string
	for _, c := range d.Checks {
		names = append(names, t.language.Text(c.Name))
	}
	for i, c := range d.Checks {
		lead := "  " + padded(names[i], widest(names)) + "  "
		m := c.mark()
		var line bytes.Buffer
		t.paragraph(&line, lead, plain, c.Found)
		if !c.Hint.Empty() {
			t.paragraph(&line, strings.Repeat(" ", width(lead)), dim, c.Hint)
		}
		b.WriteString(styled(m.style, m.shape)) // in the place of the first space
		b.Write(line.Bytes()[1:])
	}
	b.WriteByte('\n')
	t.paragraph(&b, "", bold, d.conclusion())
	t.paragraph(&b, "", plain, say.F("Next: %s", d.next()))
	return t.flush(&b)
}

// mark tells by its shape how it stands; only what is needed is red.
func (a Ability) mark() mark {
	switch a.Status {
	case "ok":
		return mark{"✓", green}
	case "degraded":
		return mark{"!", yellow}
	case "missing":
		if a.Needed {
			return mark{"✗", red}
		}
		return mark{"✗", yellow}
	}
	return mark{"·", dim}
}

// conclusion says whether scenarios can be played here.
func (d *Diagnosis) conclusion() say.Sentence {
	if i := d.firstMissing(); i >= 0 {
		return say.F("lablab run does not work here: %s: %s.", say.Text(d.Checks[i].Name), d.Checks[i].Found)
	}
	how := say.F("as root")
	if d.Rootless {
		how = say.F("without root, in a user namespace")
	}
	var without []say.Sentence
	for _, c := range d.Checks {
		if c.Status == "missing" && c.Name != "user namespace" {
			without = append(without, say.Text(c.Name))
		}
	}
	if len(without) > 0 {
		return say.F("lablab run works here, %s, except scenarios that need: %s.", how, say.List(", ", without...))
	}
	return say.F("lablab run works here, %s.", how)
}

// next is what to do now.
func (d *Diagnosis) next() say.Sentence {
	i := d.firstMissing()
	switch {
	case i >= 0:
		return d.Checks[i].Hint
	}
	return say.As(d.Run)
}

// firstMissing is the first check that failed and must not, or -1. Those that were
// not tried follow from it.
func (d *Diagnosis) firstMissing() int {
	return slices.IndexFunc(d.Checks, func(c Ability) bool { return c.Needed && c.Status == "missing" })
}
