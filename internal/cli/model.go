package cli

import (
	"errors"

	"lablab/enforce"
	"lablab/say"
	"lablab/scenario"
)

// modelOf returns the model that the value of a flag names.
func modelOf(flag, word string) (enforce.Choice, error) {
	c, err := enforce.Parse(word)
	var unknown *enforce.Unknown
	switch {
	case errors.As(err, &unknown):
		return c, &usageError{say.Errorf("%s: %w", flag, err), scenario.DidYouMean(unknown.Word, unknown.Choices)}
	case err != nil:
		return c, &usageError{say.Errorf("%s: %w", flag, err), say.F("choose another model: --model keep")}
	}
	return c, nil
}
