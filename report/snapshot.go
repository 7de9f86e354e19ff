package report

import "slices"

// Report explains what has happened so far. Later events do not change it.
func (b *Builder) Report() *Report { return b.snapshot().finish() }

// snapshot returns a copy to finish. Of what the original refers to, finishing changes only what is
// copied here.
func (b *Builder) snapshot() *Builder {
	s, r := *b, *b.report
	s.report = &r
	r.Hosts, r.Rules, r.Canaries = slices.Clone(r.Hosts), slices.Clone(r.Rules), slices.Clone(r.Canaries)
	r.Flows, r.Events = slices.Clone(r.Flows), slices.Clip(r.Events)
	r.Experiments = slices.Clone(r.Experiments)
	for i := range r.Experiments {
		x := &r.Experiments[i]
		x.Streams, x.Ran, x.Done = slices.Clone(x.Streams), slices.Clone(x.Ran), slices.Clone(x.Done)
	}
	s.streams, s.order = slices.Clone(b.streams), slices.Clone(b.order)
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
