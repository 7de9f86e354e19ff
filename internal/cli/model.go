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
		hint := scenario.DidYouMean(unknown.Word, unknown.Choices)
		if len(unknown.Choices) > len(enforce.Models()) && scenario.Alike(unknown.Word, unknown.Choices) == "" {
			hint = say.F("lablab models lists all of them")
		}
		return c, &usageError{say.Errorf("%s: %w", flag, err), hint}
	case err != nil:
		return c, &usageError{say.Errorf("%s: %w", flag, err), say.F("choose another model: --model keep")}
	}
	return c, nil
}
