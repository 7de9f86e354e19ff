package report

import (
	"regexp"
	"slices"
	"testing"

	"lablab/internal/recordtest"
	"lablab/timeline"
)

// A kept lab has no experiments: its report explains the same events without naming an experiment.
func TestWhyOfKeptLab(t *testing.T) {
	played := recordtest.Read(t, "ping")
	kept := slices.Clone(played)
	for i := range kept {
		kept[i].Experiment = 0
		if begun, ok := kept[i].Body.(timeline.Begun); ok {
			begun.Plan = nil
			kept[i].Body = begun
		}
	}
	kept = slices.DeleteFunc(kept, func(e timeline.Event) bool {
		switch e.Body.(type) {
		case timeline.ExperimentBegun, timeline.ExperimentEnded, timeline.Dumped:
			return true
		}
		return false
	})
	told := func(events []timeline.Event) (said []string) {
		for _, p := range Of(events).Why {
			for _, s := range p.Sentences {
				said = append(said, s.String())
			}
		}
		return said
	}
	in := regexp.MustCompile(` in experiment \d`)
	entries := regexp.MustCompile(`does not remember|kept an`) // the lab has not listed its entries
	var want []string
	for _, s := range told(played) {
		if !entries.MatchString(s) {
			want = append(want, in.ReplaceAllString(s, ""))
		}
	}
	if got := told(kept); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
