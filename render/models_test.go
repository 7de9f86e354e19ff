package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/say"
)

// The catalogue fits every screen, but for addresses, which must not be broken. No product is left
// out.
func TestModelsFitTheScreen(t *testing.T) {
	for _, l := range []*say.Language{nil, japanese(t)} {
		for _, columns := range []int{40, 60, 80, 120} {
			all := enforce.All()
			for _, name := range append(all.Names(), "") {
				var b bytes.Buffer
				text := NewText(&b, columns, l)
				err := text.Model(all, name)
				if name == "" {
					b.Reset()
					err = text.Models(all)
				}
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(ansi.Strip(b.String())) {
					line = strings.TrimRight(line, "\n")
					if width(line) > columns && strings.Contains(strings.TrimSpace(line), " ") {
						t.Errorf("%s, %d columns: %q", name, columns, line)
					}
				}
				if name != "" {
					continue
				}
				for _, name := range all.Names() {
					if !strings.Contains(b.String(), "  "+name+" ") && !strings.Contains(b.String(), "  "+name+"\n") {
						t.Errorf("%d columns: %s is missing", columns, name)
					}
				}
			}
		}
	}
}

// Sources follow what they support, once; an address stays whole; a product that cannot be played
// says why.
func TestModelExplained(t *testing.T) {
	c := enforce.Catalogue{
		Models: []enforce.Description{{
			Name: "keep", Summary: say.As("It goes on."), Decides: say.As("The entry."), Change: say.As("Nothing."), Evidence: say.As("No event."),
			Knobs: []enforce.KnobMeaning{{Name: "pace", Choices: []string{"slow", "fast", "idle"}, Means: say.As("how fast")}},
		}},
		Products: []enforce.Product{
			{
				Alias: "wall", Name: "The Wall", Model: "keep", Knobs: map[string]string{"pace": "fast"},
				Statements: []enforce.Statement{
					{Confidence: enforce.Documented, Says: say.As("One."), Sources: []enforce.Source{{Where: "manual, page 1", Date: "2025-08"}}},
					{Confidence: enforce.Documented, Says: say.As("Two."), Sources: []enforce.Source{{Where: "manual, page 1", Date: "2025-08"}}},
					{Confidence: enforce.Reported, Says: say.As("Three."), Sources: []enforce.Source{{Where: "wall#1"}, {Where: "wall.example/an/address/that/does/not/fit/a/line"}}},
				},
				Quirks:       []enforce.Statement{{Confidence: enforce.Inferred, Says: say.As("Four."), Sources: []enforce.Source{{Where: "wall#1"}}}},
				Undocumented: []say.Sentence{say.As("five")},
			},
			{Alias: "fog", Name: "Fog", NotPlayed: say.As("not documented")},
		},
	}
	for name, want := range map[string]string{
		"keep": `
keep: It goes on.
  what decides  The entry.
  on a change   Nothing.
  evidence      No event.

Settings
  pace  slow (default), fast, idle: how fast

Products
  wall  The Wall, as keep (documented, reported)

This is what documentation, code and users say of
the products. None of it was measured on them.
`,
		"wall": `
wall: The Wall
  model  keep: It goes on.

What is said of it
  documented  One.
  documented  Two.
              manual, page 1 (2025-08)
  reported    Three.
              wall#1
              wall.example/an/address/that/does/not/fit/a/line

What the model does not show
  inferred  Four.
            wall#1

Not documented, as far as was found
  - five

This is what documentation, code and users say of
the products. None of it was measured on them.
`,
		"fog": `
fog: Fog
  not played  not documented

This is what documentation, code and users say of
the products. None of it was measured on them.
`,
	} {
		var b bytes.Buffer
		if err := NewText(&b, 50, nil).Model(c, name); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), ansi.Strip(b.String())); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}
