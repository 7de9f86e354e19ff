// Package say is how lablab speaks: sentences that are kept as what they say, so
// that they can be told in English or in Japanese when somebody reads them. English
// is what the code has, and needs nothing; messages of other languages are found by
// the English format, in files that are embedded (ja/*.po).
//
// What machines read (JSON, the record, TAP, JUnit) is English always.
package say

import (
	"fmt"
	"strings"
)

// A Sentence is a format and what goes into it, as of fmt.Sprintf. Without arguments
// the format is the text as it is.
type Sentence struct {
	format, one string // one is the format for one thing, where there are two
	args        []any
}

// An Agreement is a word that follows a number in English ("was" or "were"). A message
// in another language may leave it out.
type Agreement string

// A Sayer can tell what it is in a language. As an argument of a sentence it is told
// in the language of the sentence.
type Sayer interface{ In(l *Language) string }

// F is a sentence.
func F(format string, args ...any) Sentence {
	if false {
		_ = fmt.Sprintf(format, args...) // so that go vet looks at the arguments
	}
	return Sentence{format: format, args: args}
}

// N is a sentence about so many things. The number is the first argument, and one the
// format if there is one of them.
func N(n int, one, many string, args ...any) Sentence {
	return Sentence{format: many, one: one, args: append([]any{n}, args...)}
}

// Text is a text that was written elsewhere, such as the title of a scenario: in a
// language that has a message for it, it is that.
func Text(english string) Sentence { return Sentence{format: english} }

// As is a text that is the same in all languages: a name, an address, an id.
func As(text string) Sentence { return Sentence{format: "%s", args: []any{text}} }

// List is a sentence made of others.
func List(separator string, all ...Sentence) Sentence {
	if len(all) == 0 {
		return Sentence{}
	}
	return Sentence{format: "%s", args: []any{list{separator, all}}}
}

// Names is a list of what is the same in all languages.
func Names(separator string, names ...string) Sentence {
	all := make([]Sentence, len(names))
	for i, name := range names {
		all[i] = As(name)
	}
	return List(separator, all...)
}

// A list is told with the separator of the language.
type list struct {
	separator string
	all       []Sentence
}

func (s list) In(l *Language) string {
	told := make([]string, len(s.all))
	for i, one := range s.all {
		told[i] = one.In(l)
	}
	return strings.Join(told, l.lookUp(s.separator))
}

// String is the sentence in English.
func (s Sentence) String() string { return s.In(nil) }

// In is the sentence in a language.
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

// Empty reports whether nothing is said.
func (s Sentence) Empty() bool { return s.format == "" }

// MarshalText is the sentence in English: JSON is for machines.
func (s Sentence) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote: English it stays.
func (s *Sentence) UnmarshalText(text []byte) error {
	*s = Sentence{}
	if len(text) > 0 {
		*s = As(string(text))
	}
	return nil
}
