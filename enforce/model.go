package enforce

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"lablab/nft/ruleset"
	"lablab/say"
)

// A Model is a way to enforce rules. Models are values: two are equal (==) if their names and knobs
// are.
type Model interface {
	Traits() Traits
	// What happens to a packet at a host with these rules.
	Judge(p Packet, rules Policy) Decision
	// What becomes of a flow once the rules of its host have changed to these.
	Changed(f Flow, rules Policy) Effect
	// The chains that decide about the packets of a host itself.
	chains(c *compiler) []ruleset.Chain
}

// Traits are what is known of a model apart from its decisions.
type Traits struct {
	Name  string
	Knobs []Knob
	// Loose is whether conntrack picks up TCP connections mid-stream at the model's hosts; nil if the
	// model works with either.
	Loose *bool
	// Delay is the time between a change of the rules and its effect on flows.
	Delay time.Duration
	// Forwards is whether a host that forwards packets can have the model; ACL, whether a host with a
	// network ACL can.
	Forwards, ACL bool
	// Decides lists what may decide about a packet apart from its rules and its entry, by the ids of
	// package packet.
	Decides []string
	// Known says when the rules decide about a packet of a known flow; empty if they never do.
	Known say.Sentence
	// Deletes is whether a change of the rules may delete entries, Unmarks whether it may take their
	// marks.
	Deletes, Unmarks bool
	// Untracks is whether flows can be untracked, as EC2's are.
	Untracks bool
	// FlowsOnly is whether packets that conntrack finds invalid or does not track are dropped, whatever
	// the rules say.
	FlowsOnly bool
}

// A Knob is something that can be set about a model.
type Knob struct {
	Name    string
	Value   string   // one of Choices
	Choices []string // the first is the default
	Means   say.Sentence
	with    func(value string) Model
}

// A known model has a place in lists and a description.
type known struct {
	place int
	Model
	Description
}

// registered are the models, each by its own file, so that a model is in one file.
var registered []known

// register adds a model. Its name and its settings are in the description too.
func register(place int, m Model, d Description) {
	t := m.Traits()
	d.Name = t.Name
	for _, k := range t.Knobs {
		d.Knobs = append(d.Knobs, KnobMeaning{k.Name, k.Choices, k.Means})
	}
	registered = append(registered, known{place, m, d})
}

// inOrder returns the models as lists have them.
var inOrder = sync.OnceValue(func() []known {
	return slices.SortedFunc(slices.Values(registered), func(a, b known) int { return cmp.Compare(a.place, b.place) })
})

// Default returns the model of a host for which nothing else is said: EC2's.
func Default() Model { return aws{} }

// Models returns every model with its knobs at their defaults, the default model first.
func Models() []Model {
	var list []Model
	for _, k := range inOrder() {
		list = append(list, k.Model)
	}
	return list
}

// Names returns the names of the models and of the products that a model stands for.
func Names() []string { return slices.Clone(names()) }

var names = sync.OnceValue(func() (list []string) {
	for _, m := range Models() {
		list = append(list, m.Traits().Name)
	}
	for _, p := range Products() {
		if p.Playable() {
			list = append(list, p.Alias)
		}
	}
	return list
})

// A Choice is a model, by its own name or by that of a product that stands for it.
type Choice struct {
	Model
	Product string // "" if the model was named itself
}

// String returns the product's name, or else the model's [Notation].
func (c Choice) String() string { return cmp.Or(c.Product, Notation(c.Model)) }

// With returns the model with a knob set.
func With(m Model, knob, value string) (Model, error) {
	t := m.Traits()
	var names []string
	for _, k := range t.Knobs {
		if k.Name != knob {
			names = append(names, k.Name)
			continue
		}
		if !slices.Contains(k.Choices, value) {
			return nil, &Unknown{say.F("%s of model %s cannot be %q", say.As(knob), say.As(t.Name), value), value, k.Choices}
		}
		return k.with(value), nil
	}
	return nil, &Unknown{say.F("model %s has no %q to set", say.As(t.Name), knob), knob, names}
}

// Setting returns the value of a knob, or "" if the model does not have it.
func Setting(m Model, knob string) string {
	for _, k := range m.Traits().Knobs {
		if k.Name == knob {
			return k.Value
		}
	}
	return ""
}

// Notation returns a model in one word: its name, then the knobs that are not at their defaults, as
// in "cut-inbound-strict". [Parse] reads it.
func Notation(m Model) string {
	t := m.Traits()
	word := t.Name
	for _, k := range t.Knobs {
		if k.Value != k.Choices[0] {
			word += "-" + k.word(k.Value)
		}
	}
	return word
}

// word returns how the notation writes a value: what is on, off or none is named.
func (k Knob) word(value string) string {
	switch value {
	case "true":
		return k.Name
	case "false", "none":
		return "no-" + k.Name
	}
	return value
}

// Parse reads the name of a product, or a model in its [Notation], with knobs in any order.
func Parse(word string) (Choice, error) {
	if p, is := aliases()[word]; is {
		m, err := p.model()
		return Choice{m, word}, err
	}
	for _, m := range Models() {
		name := m.Traits().Name
		if rest, is := strings.CutPrefix(word+"-", name+"-"); is {
			m, err := parseKnobs(m, word, rest)
			return Choice{Model: m}, err
		}
	}
	return Choice{}, &Unknown{say.F("no model is called %q", word), word, Names()}
}

// parseKnobs sets the knobs that the rest of a notation names, each with a hyphen behind it.
func parseKnobs(m Model, whole, rest string) (Model, error) {
	var choices []string
	for again := rest != ""; again; {
		t := m.Traits()
		again, choices = false, []string{t.Name}
		for _, k := range t.Knobs {
			for _, value := range k.Choices {
				if value != k.Choices[0] {
					choices = append(choices, t.Name+"-"+k.word(value))
				}
				if tail, is := strings.CutPrefix(rest, k.word(value)+"-"); is {
					m, rest, again = k.with(value), tail, tail != ""
				}
			}
		}
	}
	if rest != "" {
		return nil, &Unknown{say.F("no model is called %q", whole), whole, choices}
	}
	return m, nil
}

// An Unknown is an error about a name or a value that does not exist.
type Unknown struct {
	text say.Sentence
	// Word is what was given, Choices are what could have been.
	Word    string
	Choices []string
}

// Error returns what is unknown, in English.
func (u *Unknown) Error() string { return u.text.String() }

// In returns Error in a language.
func (u *Unknown) In(l *say.Language) string { return u.text.In(l) }
