package cli

import (
	"errors"
	"slices"
	"testing"
)

// lablab itself reports a wrong number of arguments, because cobra's message is only in English.
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
