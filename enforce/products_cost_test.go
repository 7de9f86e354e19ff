package enforce_test

import (
	"testing"

	"lablab/enforce"
)

// Every start of lablab makes the catalogue, for the words that its help and completion know.
func TestProductsAreMadeQuickly(t *testing.T) {
	const most = 1000
	if n := testing.AllocsPerRun(1, func() { enforce.Products() }); n > most {
		t.Errorf("the catalogue takes %.0f allocations, at most %d expected", n, most)
	}
}
