// Package say produces everything that lablab tells people. It keeps sentences in a form that can
// be rendered in English or in Japanese when they are read. The code contains the English formats,
// which need nothing else; messages of other languages are looked up by the English format, in
// embedded files (ja/*.po).
//
// What machines read (JSON, the record, TAP, JUnit) is always English.
package say

import (
	"fmt"
	"strings"
)

// A Sentence is a format and its arguments, as for fmt.Sprintf. Without arguments the format is the
// text itself.
type Sentence struct {
	format, one string // one is the singular format, if there is one
	args        []any
}

// An Agreement is a word that agrees with a number in English ("was" or "were"). A message in
// another language may leave it out.
type Agreement string

// A Sayer can be rendered in a language. As an argument, it is rendered in the language of the
// sentence.
type Sayer interface{ In(l *Language) string }

// F returns a sentence.
func F(format string, args ...any) Sentence {
	if false {
		_ = fmt.Sprintf(format, args...) // makes go vet check the arguments
	}
	return Sentence{format: format, args: args}
}

// N returns a sentence about n things. The number is the first argument, and one is the format to
// use if n is 1.
func N(n int, one, many string, args ...any) Sentence {
	return Sentence{format: many, one: one, args: append([]any{n}, args...)}
}

// Text returns a text that was written elsewhere, such as the title of a scenario. It is translated
// if the language has a message for it.
func Text(english string) Sentence { return Sentence{format: english} }

// As returns a text that is the same in all languages: a name, an address, an id.
func As(text string) Sentence { return Sentence{format: "%s", args: []any{text}} }

// List joins sentences into one.
func List(separator string, all ...Sentence) Sentence {
	if len(all) == 0 {
		return Sentence{}
	}
	return Sentence{format: "%s", args: []any{list{separator, all}}}
}

// Names joins names that are the same in all languages.
func Names(separator string, names ...string) Sentence {
	all := make([]Sentence, len(names))
	for i, name := range names {
		all[i] = As(name)
	}
	return List(separator, all...)
}

// A list is rendered with the separator of the language.
type list struct {
	separator string
	all       []Sentence
}

func (s list) In(l *Language) string {
	rendered := make([]string, len(s.all))
	for i, one := range s.all {
		rendered[i] = one.In(l)
	}
	return strings.Join(rendered, l.lookUp(s.separator))
}

// String returns the sentence in English.
func (s Sentence) String() string { return s.In(nil) }

// In returns the sentence in a language.
func (s Sentence) In(l *Language) string {
	format := l.lookUp(s.format)
	if s.one != "" && format == s.format && len(s.args) > 0 && s.args[0] == 1 {
		format = s.one
	}
	if len(s.args) == 0 {
		return format
	}
	return l.render(format, s.args)
}

// Empty reports whether the sentence is empty.
func (s Sentence) Empty() bool { return s.format == "" }

// MarshalText returns the sentence in English: JSON is for machines.
func (s Sentence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote; the sentence stays English.
func (s *Sentence) UnmarshalText(text []byte) error {
	*s = Sentence{}
	if len(text) > 0 {
		*s = As(string(text))
	}
	return nil
}
