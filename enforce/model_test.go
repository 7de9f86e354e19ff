package enforce_test

import (
	"errors"
	"slices"
	"testing"

	"lablab/enforce"
)

// every returns each model with each combination of its knobs.
func every(t *testing.T) []enforce.Model {
	t.Helper()
	var list []enforce.Model
	for _, m := range enforce.Models() {
		variants := []enforce.Model{m}
		for _, k := range m.Traits().Knobs {
			var more []enforce.Model
			for _, v := range variants {
				for _, value := range k.Choices {
					set, err := enforce.With(v, k.Name, value)
					if err != nil {
						t.Fatal(err)
					}
					more = append(more, set)
				}
			}
			variants = more
		}
		list = append(list, variants...)
	}
	return list
}

// What Notation writes, Parse reads, and no two models are written the same.
func TestNotation(t *testing.T) {
	var words []string
	for _, m := range every(t) {
		word := enforce.Notation(m)
		again, err := enforce.Parse(word)
		if err != nil || again.Model != m {
			t.Errorf("%q is read as %+v, %v: want %+v", word, again, err, m)
		}
		words = append(words, word)
	}
	for _, want := range []string{
		"aws", "aws-by-packet", "keep", "cut", "cut-strict", "cut-inbound", "cut-inbound-strict", "cut-all", "cut-all-strict",
		"request", "request-tombstone", "tied", "rejudge", "stateless", "syn", "sweep", "sweep-no-delay",
	} {
		if !slices.Contains(words, want) {
			t.Errorf("the models are written %q, without %q", words, want)
		}
	}
	for _, other := range []string{"cut-strict-inbound", "cut-matching-inbound-strict", "cut-loose-inbound-strict"} {
		if m, err := enforce.Parse(other); err != nil || m.String() != "cut-inbound-strict" {
			t.Errorf("%q is read as %v, %v", other, m, err)
		}
	}
	if enforce.Models()[0] != enforce.Default() {
		t.Errorf("the first model is %v", enforce.Models()[0])
	}
}

// What does not exist is an error that says which part, and lists the choices.
func TestUnknown(t *testing.T) {
	for _, test := range []struct {
		word, want string
		choice     string
	}{
		{"ctu", `no model is called "ctu"`, "cut"},
		{"", `no model is called ""`, "cut"},
		{"cutall", `no model is called "cutall"`, "cut"},
		{"cut-al", `no model is called "cut-al"`, "cut-all"},
		{"cut-", `no model is called "cut-"`, "cut-all"},
		{"cut-all-strictly", `no model is called "cut-all-strictly"`, "cut-strict"},
		{"keep-all", `no model is called "keep-all"`, "keep"},
	} {
		_, err := enforce.Parse(test.word)
		var unknown *enforce.Unknown
		if !errors.As(err, &unknown) || err.Error() != test.want || unknown.Word != test.word || !slices.Contains(unknown.Choices, test.choice) {
			t.Errorf("%q: %v, %+v", test.word, err, unknown)
		}
	}
	cut, _ := enforce.Parse("cut")
	for _, test := range []struct{ knob, value, want, choice string }{
		{"scope", "al", `scope of model cut cannot be "al"`, "all"},
		{"scop", "all", `model cut has no "scop" to set`, "scope"},
	} {
		_, err := enforce.With(cut, test.knob, test.value)
		var unknown *enforce.Unknown
		if !errors.As(err, &unknown) || err.Error() != test.want || !slices.Contains(unknown.Choices, test.choice) {
			t.Errorf("%s: %s: %v, %+v", test.knob, test.value, err, unknown)
		}
	}
}
