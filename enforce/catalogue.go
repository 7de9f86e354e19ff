// Package enforce compiles what a host enforces to nftables rulesets: its security groups, its network
// ACL, and what EC2 does to packets without either.
//
// It also describes how stateful firewalls apply a change of their rules to flows that they know
// already. A few models cover the products whose behaviour could be found out.
package enforce

// A Catalogue is what is known about some models and products.
type Catalogue struct {
	Schema   int           `json:"schema"`
	Models   []Description `json:"models"`
	Products []Product     `json:"products"`
}

// All returns the whole catalogue.
func All() Catalogue { return Catalogue{1, Descriptions(), Products()} }

// Of returns the model of that name and its products, or the product of that alias and its model.
func (c Catalogue) Of(name string) (part Catalogue, found bool) {
	part = Catalogue{Schema: c.Schema, Models: []Description{}, Products: []Product{}}
	model := name
	for _, p := range c.Products {
		if p.Alias == name {
			model, found = p.Model, true
		}
		if p.Alias == name || p.Playable() && p.Model == name {
			part.Products = append(part.Products, p)
		}
	}
	for _, d := range c.Models {
		if d.Name == model {
			part.Models, found = append(part.Models, d), true
		}
	}
	return part, found
}

// Names returns the names of all models and the aliases of all products.
func (c Catalogue) Names() []string {
	var names []string
	for _, d := range c.Models {
		names = append(names, d.Name)
	}
	for _, p := range c.Products {
		names = append(names, p.Alias)
	}
	return names
}
