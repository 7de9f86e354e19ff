package say

import (
	"errors"
	"fmt"
	"strings"
)

// New is errors.New for a message that can be translated.
func New(text string) error { return &failure{Sentence{format: text}, text} }

// Errorf is fmt.Errorf for a message that can be translated.
func Errorf(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	message := failure{Sentence{format: format, args: args}, err.Error()}
	switch of := err.(type) { //nolint:errorlint // what it wraps itself, and not what that wraps
	case interface{ Unwrap() error }:
		return &wrapping{message, of.Unwrap()}
	case interface{ Unwrap() []error }:
		return &joining{message, of.Unwrap()}
	}
	return &message
}

// A failure is an error that keeps its message as a sentence.
type failure struct {
	sentence Sentence
	english  string
}

// Error returns the message in English.
func (e *failure) Error() string { return e.english }

// In returns the message in a language.
func (e *failure) In(l *Language) string { return e.sentence.In(l) }

// A wrapping wraps one error.
type wrapping struct {
	failure
	err error
}

func (e *wrapping) Unwrap() error { return e.err }

// A joining wraps several errors.
type joining struct {
	failure
	errs []error
}

func (e *joining) Unwrap() []error { return e.errs }

// Error returns an error's message in the language, as far as it can be translated: messages of the
// operating system and of other libraries stay English.
func (l *Language) Error(err error) string {
	if err == nil {
		return ""
	}
	if s, ours := err.(Sayer); ours && l != nil {
		return s.In(l)
	}
	english := err.Error()
	if l == nil {
		return english
	}
	switch of := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }: // from errors.Join
		var messages []string
		for _, e := range of.Unwrap() {
			messages = append(messages, l.Error(e))
		}
		if english == errors.Join(of.Unwrap()...).Error() {
			return strings.Join(messages, "\n")
		}
	case interface{ Unwrap() error }: // from another package, around one of ours
		if inner := of.Unwrap(); inner != nil {
			if before, found := strings.CutSuffix(english, inner.Error()); found {
				return before + l.Error(inner)
			}
		}
	}
	return english
}
