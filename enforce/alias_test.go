package enforce_test

import (
	"slices"
	"strings"
	"testing"

	"lablab/enforce"
)

// A product is the model that the catalogue names, with its settings; or it cannot be run.
func TestProductsAreModels(t *testing.T) {
	played := 0
	for _, p := range enforce.Products() {
		c, err := enforce.Parse(p.Alias)
		if !p.Playable() {
			if err == nil || !strings.Contains(err.Error(), p.NotPlayed.String()) || slices.Contains(enforce.Names(), p.Alias) {
				t.Errorf("%s: %v", p.Alias, err)
			}
			continue
		}
		played++
		if err != nil || c.Product != p.Alias || c.String() != p.Alias || c.Traits().Name != p.Model || !slices.Contains(enforce.Names(), p.Alias) {
			t.Errorf("%s: %+v, %v", p.Alias, c, err)
			continue
		}
		for knob, value := range p.Knobs {
			if enforce.Setting(c.Model, knob) != value {
				t.Errorf("%s: %s is %s, want %s", p.Alias, knob, enforce.Setting(c.Model, knob), value)
			}
		}
	}
	if ovn, _ := enforce.Parse("ovn"); played < 40 || enforce.Notation(ovn.Model) != "request-tombstone" {
		t.Errorf("%d products are models; ovn is %s", played, enforce.Notation(ovn.Model))
	}
}

// The catalogue describes the models with all of their settings.
func TestDescriptionsAreOfTheModels(t *testing.T) {
	models, described := enforce.Models(), enforce.Descriptions()
	if len(models) != len(described) {
		t.Fatalf("%d models, %d descriptions", len(models), len(described))
	}
	for i, m := range models {
		traits, d := m.Traits(), described[i]
		if traits.Name != d.Name || len(traits.Knobs) != len(d.Knobs) {
			t.Errorf("model %s with %d settings is described as %s with %d", traits.Name, len(traits.Knobs), d.Name, len(d.Knobs))
			continue
		}
		for j, k := range traits.Knobs {
			if k.Name != d.Knobs[j].Name || !slices.Equal(k.Choices, d.Knobs[j].Choices) {
				t.Errorf("%s: %s of %v is described as %s of %v", d.Name, k.Name, k.Choices, d.Knobs[j].Name, d.Knobs[j].Choices)
			}
		}
	}
}
