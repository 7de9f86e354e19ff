package cli

import (
	"errors"
	"slices"
	"testing"
)

// What is wrong with the number of arguments is told by lablab: cobra tells it in English.
func TestArguments(t *testing.T) {
	for _, c := range Commands().Commands() {
		for n := range 10 {
			if c.Args == nil {
				break // it takes any number
			}
			var usage *usageError
			if err := c.Args(c, slices.Repeat([]string{"x"}, n)); err != nil && !errors.As(err, &usage) {
				t.Errorf("%s with %d arguments: %v", c.Name(), n, err)
			}
		}
	}
}
