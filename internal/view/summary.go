package view

import (
	"fmt"
	"strings"

	"lablab/report"
)

// summary is what stays in the scrollback.
func (m *model) summary() *Summary {
	p := m.live
	lines := []line{words(bold, "lab %s", m.Name).add(plain, " of scenario %s was up for %s", p.status.Scenario, lasting(p.elapsed()))}
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
			lines = append(lines, words(dim, "            and %d changes more", len(p.revoked)-most))
			break
		}
		lines = append(lines, words(dim, "            %s", change))
	}
	for _, s := range p.lanes {
		l := words(plain, "  stream %-2s %s %s > %s: %d sent, %d replied", s.Stream, s.word(), s.From, s.To, s.sent, s.back())
		for _, other := range []struct {
			fate  report.Outcome
			style string
		}{{report.Refused, red}, {report.Stalled, yellow}, {report.Reset, red}, {report.Unsent, yellow}} {
			if n := s.fates[other.fate]; n > 0 {
				l = l.add(plain, ", ").add(other.style, "%d %s", n, markWord(other.fate))
			}
		}
		if s.broken != "" {
			l = l.add(red, "; it broke: %s", s.broken)
		}
		lines = append(lines, l)
	}
	var entries []string
	for _, h := range p.hosts {
		n := 0
		for _, e := range p.entries.All() {
			if e.Host == h.Name && e.Mark != Gone {
				n++
			}
		}
		entries = append(entries, fmt.Sprintf("%d on %s", n, h.Name))
	}
	if len(entries) > 0 {
		lines = append(lines, words(plain, "  entries   %s", strings.Join(entries, ", ")))
	}
	if p.missed > 0 {
		lines = append(lines, words(yellow, "  missed    %d verdicts and events that the kernel told of and nobody heard", p.missed))
	}
	return &Summary{lines}
}

func few(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func markWord(o report.Outcome) string {
	switch o {
	case report.Refused:
		return "refused"
	case report.Stalled:
		return "stalled"
	case report.Reset:
		return "told that nobody listens"
	}
	return "not sent"
}
