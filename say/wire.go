package say

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A Kept is a sentence as it is recorded or sent, so that each reader can have it in their own
// language.
type Kept struct {
	Format string `json:"format"`
	One    string `json:"one,omitempty"`
	// Args are numbers, strings and other sentences.
	Args []any `json:"args,omitempty"`
}

// Keep returns the sentence in the form to be recorded.
func (s Sentence) Keep() *Kept {
	k := &Kept{Format: s.format, One: s.one}
	for _, arg := range s.args {
		k.Args = append(k.Args, keep(arg))
	}
	return k
}

// KeepError returns an error's message in that form, or nil if it cannot be translated.
func KeepError(err error) *Kept {
	switch e := err.(type) { //nolint:errorlint // what it wraps is among its arguments
	case *failure:
		return e.sentence.Keep()
	case *wrapping:
		return e.sentence.Keep()
	case *joining:
		return e.sentence.Keep()
	}
	return nil
}

func keep(arg any) any {
	switch a := arg.(type) {
	case Sentence:
		return a.Keep()
	case list:
		k := &Kept{Format: strings.TrimPrefix(strings.Repeat(a.separator+"%s", len(a.all)), a.separator)}
		for _, one := range a.all {
			k.Args = append(k.Args, one.Keep())
		}
		return k
	case error:
		if kept := KeepError(a); kept != nil {
			return kept
		}
		return a.Error()
	case int, int64, uint32, uint64, uint16, int32, float64, bool, string:
		return a
	}
	return fmt.Sprint(arg)
}

// hugeFormat matches formats that would fill the memory with spaces, or repeat an argument endlessly.
// None of our English formats is like that.
var hugeFormat = regexp.MustCompile(`%[^a-zA-Z%]*(?:[*[]|[0-9]{3})`)

// Sentence returns the sentence that was kept. It is empty if k is nil or the format cannot be one
// of ours.
func (k *Kept) Sentence() Sentence {
	if k == nil || hugeFormat.MatchString(k.Format) || hugeFormat.MatchString(k.One) {
		return Sentence{}
	}
	s := Sentence{format: k.Format, one: k.One}
	for _, arg := range k.Args {
		if inner, nested := arg.(*Kept); nested {
			arg = inner.Sentence()
		}
		s.args = append(s.args, arg)
	}
	return s
}

// Matching returns the sentence that was kept if its English text is english, and otherwise just
// english.
func (k *Kept) Matching(english string) Sentence {
	if s := k.Sentence(); !s.Empty() && s.String() == english {
		return s
	}
	return As(english)
}

// Error returns an error with the sentence that was kept, or with just the English text if nothing
// was.
func (k *Kept) Error(english string) error { return &failure{k.Matching(english), english} }

// UnmarshalJSON keeps integers exact, and recognises sentences among the arguments.
func (k *Kept) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var raw map[string]any
	if err := d.Decode(&raw); err != nil {
		return err
	}
	const deepest = 20 // each level is marshalled again for the one above
	return k.read(raw, deepest)
}

func (k *Kept) read(raw map[string]any, deeper int) error {
	if deeper == 0 {
		return New("read sentence: nested too deeply")
	}
	*k = Kept{}
	k.Format, _ = raw["format"].(string)
	k.One, _ = raw["one"].(string)
	args, _ := raw["args"].([]any)
	for _, arg := range args {
		switch a := arg.(type) {
		case map[string]any:
			inner := new(Kept)
			if err := inner.read(a, deeper-1); err != nil {
				return err
			}
			arg = inner
		case json.Number:
			arg = number(a)
		}
		k.Args = append(k.Args, arg)
	}
	return nil
}

func number(n json.Number) any {
	if whole, err := strconv.Atoi(n.String()); err == nil {
		return whole
	}
	if float, err := n.Float64(); err == nil {
		return float
	}
	return n.String()
}
