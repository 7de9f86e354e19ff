package report

import (
	"strings"
	"testing"
)

// Whoever reads a sentence can be shown what it speaks of.
func TestMomentsAreThoseOfTheSentences(t *testing.T) {
	r := Of(recorded(t, "ping"))
	for sentence, want := range map[string]Moment{
		"was NEW to A":        {"1", 1, 1, 1},
		"Seq 2–65 were":       {"1", 2, 65, 1},
		"changed nothing for": {"1", 11, 65, 2},
		"default deny":        {"2", 1, 19, 3},
		"authorized in":       {"2", 20, 20, 4},
		"A rule decides":      {"1", 11, 65, 2},
		"keeps new flows out": {"2", 1, 19, 3},
	} {
		said := 0
		for _, p := range r.Why {
			if len(p.Moments) != len(p.Sentences) {
				t.Errorf("%s: %d sentences, %d moments", p.Subject, len(p.Sentences), len(p.Moments))
			}
			for i, s := range p.Sentences {
				if !strings.Contains(s.String(), sentence) {
					continue
				}
				said++
				if m := p.Moments[i]; m == nil || *m != want {
					t.Errorf("%q speaks of %+v, want %+v", s, m, want)
				}
			}
		}
		if said != 1 {
			t.Errorf("%q is said %d times", sentence, said)
		}
	}
}
