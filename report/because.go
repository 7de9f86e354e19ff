package report

import (
	"lablab/report/claims"
	"lablab/say"
)

// A because is a sentence of the explanation of a stream in one experiment, and the packets that it
// is about.
type because struct {
	Sentence say.Sentence `json:"sentence"`
	First    int          `json:"first"`
	Last     int          `json:"last"`
	// Claims are what it asserts about the timeline.
	Claims []claims.Claim `json:"-"`
}

// because explains a stream experiment by experiment, from what was known by then: a reader who is
// asked what comes next may see it.
func (b *Builder) because(s *Stream) {
	t := b.explainer(s, &lessons{})
	var was *run // the latest packets to arrive, in an earlier experiment
	for i := range b.report.Experiments {
		x := &b.report.Experiments[i]
		t.experiment, t.Paragraph, t.was = x.Number, Paragraph{}, nil
		t.departures()
		t.passages()
		t.was = was
		t.arrivals()
		was = t.was
		t.otherReplies(t.replies())
		t.unproved()
		for i, sentence := range t.Sentences {
			result := x.result(s.Name)
			result.Because = append(result.Because, because{sentence, t.Moments[i].First, t.Moments[i].Last, t.Claims[i]})
		}
	}
}
