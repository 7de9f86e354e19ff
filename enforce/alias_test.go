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
