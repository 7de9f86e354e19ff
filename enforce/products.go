package enforce

import (
	"cmp"
	"slices"

	"lablab/say"
)

// A Product is a stateful firewall in the field, as the alias of a model. That it behaves as the
// model is what its statements say; it was not measured.
type Product struct {
	Alias string `json:"alias"`
	Name  string `json:"name"`
	Model string `json:"model,omitempty"` // empty if it cannot be played
	// Knobs are the settings of the model that differ from its defaults or are known to be these.
	Knobs map[string]string `json:"knobs,omitempty"`
	// NotPlayed says why no model stands for the product.
	NotPlayed say.Sentence `json:"not_played,omitzero"`
	// Statements are about what a change does to known flows.
	Statements []Statement `json:"statements,omitempty"`
	// Quirks are what the model does not show.
	Quirks []Statement `json:"quirks,omitempty"`
	// Undocumented lists questions to which no answer was found.
	Undocumented []say.Sentence `json:"undocumented,omitempty"`
}

// Products returns the catalogue: first those of each model, then those that cannot be played; by
// alias among themselves.
func Products() []Product {
	type placed struct { // what it costs to find out is not to be paid for each comparison
		Product
		order   int
		setting string
	}
	var all []placed
	for _, p := range slices.Concat(clouds(), openStack(), kubernetes(), machines()) {
		all = append(all, placed{p, p.order(), p.Setting()})
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(a.order-b.order, cmp.Compare(a.setting, b.setting), cmp.Compare(a.Alias, b.Alias))
	})
	products := make([]Product, len(all))
	for i, p := range all {
		products[i] = p.Product
	}
	return products
}

// order returns the place of the product's model among all; those without one come last.
func (p Product) order() int {
	if !p.Playable() {
		return len(inOrder())
	}
	return orderOf(p.Model)
}

// Playable reports whether a model stands for the product.
func (p Product) Playable() bool { return p.Model != "" }

// Setting returns the product's model with its knobs, as in "cut (scope: inbound)".
func (p Product) Setting() string { return setting(p.Model, p.Knobs) }

// Confidences returns how the statements are known, the best first.
func (p Product) Confidences() []Confidence {
	return slices.DeleteFunc(Confidences(), func(c Confidence) bool {
		return !slices.ContainsFunc(p.Statements, func(s Statement) bool { return s.Confidence == c })
	})
}

// establishedFirst is what the code of many products says.
func establishedFirst() say.Sentence {
	return say.F("Established packets are accepted before the rules are checked.")
}
