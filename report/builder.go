package report

import (
	"slices"

	"lablab/timeline"
)

// A Builder explains a timeline while it grows.
type Builder struct{ known *builder }

// NewBuilder returns a builder that has seen no event.
func NewBuilder() *Builder { return &Builder{newBuilder()} }

// Add takes the next event. It takes the same time however many there were before.
func (b *Builder) Add(e timeline.Event) { b.known.add(e) }

// Report explains what has happened so far. Later events do not change it.
func (b *Builder) Report() *Report { return b.known.snapshot().finish() }

// snapshot returns a copy to finish. Of what the original refers to, finishing changes only what is
// copied here.
func (b *builder) snapshot() *builder {
	s, r := *b, *b.Report
	s.Report = &r
	r.Hosts, r.Rules, r.Canaries = slices.Clone(r.Hosts), slices.Clone(r.Rules), slices.Clone(r.Canaries)
	r.Streams, r.Flows, r.Events = slices.Clone(r.Streams), slices.Clone(r.Flows), slices.Clip(r.Events)
	r.Experiments = slices.Clone(r.Experiments)
	for i := range r.Experiments {
		x := &r.Experiments[i]
		x.Streams, x.Ran, x.Done = slices.Clone(x.Streams), slices.Clone(x.Ran), slices.Clone(x.Done)
	}
	s.order = slices.Clone(b.order)
	policy := *b.policy
	policy.ways, s.policy = nil, &policy // which is not for two readers at once
	s.packets = make(map[string][]*journey, len(b.packets))
	for stream, journeys := range b.packets {
		copies := make([]journey, len(journeys))
		for i, j := range journeys {
			copies[i] = *j
			s.packets[stream] = append(s.packets[stream], &copies[i])
		}
	}
	return &s
}
