package render

import (
	"testing"

	"lablab/internal/recordtest"
	"lablab/report"
	"lablab/say"
)

// Words have the same places as in the report.
func TestWordsAreThoseOfTheReport(t *testing.T) {
	japanese, err := say.Speak("ja")
	if err != nil {
		t.Fatal(err)
	}
	r := report.Of(recordtest.Read(t, "ping"))
	for _, l := range []*say.Language{nil, japanese} {
		w := wordsOf(r, l)
		if len(w.Experiments) != len(r.Experiments) || len(w.Why) != len(r.Why) {
			t.Fatalf("%s: %d experiments and %d paragraphs, want %d and %d", l.Name(), len(w.Experiments), len(w.Why), len(r.Experiments), len(r.Why))
		}
		for i, x := range w.Experiments {
			if len(x.Predictions) != len(r.Experiments[i].Predictions) || len(x.Do) != len(r.Experiments[i].Do) {
				t.Errorf("%s, experiment %d: words are missing", l.Name(), i+1)
			}
		}
		for i, p := range w.Why {
			if len(p.Sentences) != len(r.Why[i].Sentences) {
				t.Errorf("%s: %s has %d sentences, want %d", l.Name(), p.Subject, len(p.Sentences), len(r.Why[i].Sentences))
			}
		}
	}
	if got := wordsOf(r, japanese).Experiments[2].Title; got != "2 つ目の ping を始める" {
		t.Errorf("the title of experiment 3 is %q", got)
	}
	if got := wordsOf(r, nil).Why[0].Sentences[0]; got != r.Why[0].Sentences[0].String() {
		t.Errorf("in English it is said: %q", got)
	}
}
