package render

import (
	"bytes"
	"slices"
	"strings"

	"lablab/say"
)

// A Diagnosis is what a machine can do, for `lablab doctor`.
type Diagnosis struct {
	Able     bool      `json:"able"` // whether it can run scenarios
	Kernel   string    `json:"kernel"`
	Rootless bool      `json:"rootless"` // whether it can in a user namespace
	Checks   []Ability `json:"checks"`
	// Run is the command with which the user runs a scenario.
	Run string `json:"-"`
}

// An Ability is one thing that a machine can or cannot do.
type Ability struct {
	Name   string       `json:"name"`
	Status string       `json:"status"` // ok, degraded, missing or not tried
	Found  say.Sentence `json:"found"`
	Hint   say.Sentence `json:"hint,omitzero"` // how to fix it
	Needed bool         `json:"needed"`        // whether every scenario needs it
}

// Diagnosis writes what a machine can do, for people: one line per ability with the fix below, and
// the conclusion at the end.
func (t *Text) Diagnosis(d *Diagnosis) error {
	var b bytes.Buffer
	var names []string
	for _, c := range d.Checks {
		names = append(names, t.language.Text(c.Name))
	}
	for i, c := range d.Checks {
		lead := "  " + padded(names[i], widest(names)) + "  "
		m := abilityMark(c)
		var line bytes.Buffer
		t.paragraph(&line, lead, plain, c.Found)
		if !c.Hint.Empty() {
			t.paragraph(&line, strings.Repeat(" ", width(lead)), dim, c.Hint)
		}
		b.WriteString(styled(m.style, m.shape)) // replaces the first space
		b.Write(line.Bytes()[1:])
	}
	b.WriteByte('\n')
	t.paragraph(&b, "", bold, machine(d))
	t.paragraph(&b, "", plain, say.F("Next: %s", next(d)))
	return t.flush(&b)
}

// abilityMark shows the status by its shape; only a missing ability that is needed is red.
func abilityMark(a Ability) mark {
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

// machine returns whether scenarios can run here, in words.
func machine(d *Diagnosis) say.Sentence {
	if i := firstMissing(d); i >= 0 {
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

// next returns what to do now.
func next(d *Diagnosis) say.Sentence {
	if i := firstMissing(d); i >= 0 {
		return d.Checks[i].Hint
	}
	return say.As(d.Run)
}

// firstMissing returns the first needed check that failed, or -1. The untried ones depend on it.
func firstMissing(d *Diagnosis) int {
	return slices.IndexFunc(d.Checks, func(c Ability) bool { return c.Needed && c.Status == "missing" })
}
