package enforce

import (
	"slices"
	"strings"

	"lablab/say"
)

// A Description explains an enforcement model.
type Description struct {
	Name string `json:"name"`
	// Summary says in one sentence what happens to a known flow.
	Summary say.Sentence `json:"summary"`
	// Decides says what decides about a packet of a known flow.
	Decides say.Sentence `json:"decides"`
	// Change says what a change of the rules does to conntrack's entries.
	Change say.Sentence `json:"change"`
	// Evidence says what conntrack's events and the verdicts show of it.
	Evidence say.Sentence  `json:"evidence"`
	Knobs    []KnobMeaning `json:"knobs,omitempty"`
}

// A KnobMeaning explains a setting of a model. The first choice is the default.
type KnobMeaning struct {
	Name    string       `json:"name"`
	Choices []string     `json:"choices"`
	Means   say.Sentence `json:"means"`
}

// Descriptions returns a description of every model, in the order in which they are best learnt.
func Descriptions() []Description {
	var list []Description
	for _, k := range inOrder() {
		list = append(list, k.Description)
	}
	return list
}

// setting returns the model and the values of its knobs, as in "cut (scope: all, tcp: loose)".
func setting(model string, knobs map[string]string) string {
	var values []string
	if i := orderOf(model); i >= 0 {
		for _, k := range inOrder()[i].Knobs {
			if value, set := knobs[k.Name]; set {
				values = append(values, k.Name+": "+value)
			}
		}
	}
	if len(values) == 0 {
		return model
	}
	return model + " (" + strings.Join(values, ", ") + ")"
}

// orderOf returns the place of a model among the others, or -1 if no model has the name.
func orderOf(model string) int {
	return slices.IndexFunc(inOrder(), func(k known) bool { return k.Description.Name == model })
}
