package view

import (
	"lablab/report"
	"lablab/say"
)

// summary returns what stays in the scrollback.
func (m *model) summary() *Summary {
	p := m.live
	lines := []line{words(bold, "lab %s", m.Name).add(plain, " of scenario %s ran for %s", p.status.Scenario, lasting(p.elapsed()))}
	var in, gone []string
	for _, r := range p.rules {
		if r.gone {
			gone = append(gone, r.ID)
			continue
		}
		in = append(in, r.ID)
	}
	if len(p.rules) > 0 {
		l := words(plain, "  rules     %d in force", len(in))
		if len(in) > 0 {
			l = l.add(plain, ": %s", few(in))
		}
		if len(gone) > 0 {
			l = l.add(yellow, "; revoked: %s", few(gone))
		}
		lines = append(lines, l)
	}
	for i, change := range p.revoked {
		const most = 10
		if i == most {
			lines = append(lines, words(dim, "            and %d more changes", len(p.revoked)-most))
			break
		}
		lines = append(lines, words(dim, "            %s", change))
	}
	for _, s := range p.streams() {
		l := words(plain, "  stream %-2s %s %s > %s: %d sent, %d answered", s.Stream, word(s), s.From, s.To, s.Sent, s.Received())
		for _, other := range []struct {
			fate  report.Outcome
			style string
		}{{report.Refused, red}, {report.Stalled, yellow}, {report.Reset, red}, {report.Unsent, yellow}, {report.Lost, yellow}, {report.Waiting, dim}} {
			if n := s.Outcomes[other.fate]; n > 0 {
				l = l.add(plain, ", ").add(other.style, "%d %s", n, other.fate)
			}
		}
		if !s.Failed.Empty() {
			l = l.add(red, "; it failed: %s", s.Failed)
		}
		lines = append(lines, l)
	}
	var entries []say.Sentence
	for _, h := range p.hosts {
		n := 0
		for _, e := range p.entries.All() {
			if e.Host == h.Name && e.Mark != Gone {
				n++
			}
		}
		entries = append(entries, say.F("%d on %s", n, h.Name))
	}
	if len(entries) > 0 {
		lines = append(lines, words(plain, "  entries   %s", say.List(", ", entries...)))
	}
	if p.missed > 0 {
		lines = append(lines, words(yellow, "  lost      %d verdicts and events (socket overflow)", p.missed))
	}
	return &Summary{lines, m.Language}
}

func few(names []string) say.Sentence {
	const most = 8
	if len(names) > most {
		return say.F("%s and %d more", say.Names(", ", names[:most]...), len(names)-most)
	}
	return say.Names(", ", names...)
}
