package enforce

import (
	"sync"

	"lablab/say"
)

// aliases returns the products by their aliases.
var aliases = sync.OnceValue(func() map[string]Product {
	all := map[string]Product{}
	for _, p := range Products() {
		all[p.Alias] = p
	}
	return all
})

// model returns the model that stands for the product, or an error if it has no model.
func (p Product) model() (m Model, err error) {
	if !p.Playable() {
		return nil, say.Errorf("no model stands for %s: %s", p.Alias, p.NotPlayed)
	}
	c, err := Parse(p.Model)
	m = c.Model
	for knob, value := range p.Knobs {
		if err == nil {
			m, err = With(m, knob, value)
		}
	}
	return m, err
}
