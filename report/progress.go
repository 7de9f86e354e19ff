package report

import (
	"fmt"
	"io"
	"strings"

	"lablab/timeline"
)

// Progress shows a run while it goes on: in place on a terminal, a line for
// each event that a person would tell another elsewhere.
type Progress struct {
	text   io.Writer // keeps colours or takes them out
	cursor io.Writer // the terminal itself, or nil
	width  int

	plan    []timeline.Plan
	current int                  // experiment
	order   []string             // streams that run
	marks   map[string][]Outcome // of the current experiment, by stream
	first   map[string]int       // Seq of the first of them
	was     map[string]Outcome
	drawn   int // lines that stand below the cursor's old place
}

// NewProgress writes to text. With a cursor, what it writes is redrawn in place.
func NewProgress(text, cursor io.Writer, width int) *Progress {
	return &Progress{text: text, cursor: cursor, width: width, marks: map[string][]Outcome{}, first: map[string]int{}, was: map[string]Outcome{}}
}

// Add takes the next event.
func (p *Progress) Add(e timeline.Event) {
	switch body := e.Body.(type) {
	case timeline.Begun:
		p.plan = body.Plan
		p.line("building the lab on %s", body.Kernel)
	case timeline.CanaryDropped:
		p.line("canary: %s dropped %s", body.Host, body.Packet)
	case timeline.ExperimentBegun:
		p.current = body.Number
		clear(p.marks)
		p.line("experiment %d of %d: %s", body.Number, len(p.plan), p.title())
	case timeline.RuleRevoked:
		p.line("rule %s revoked on %s", body.ID, strings.Join(body.Hosts, ", "))
	case timeline.RuleAuthorized:
		if p.current > 0 {
			p.line("rule %s authorized on %s", body.ID, strings.Join(body.Hosts, ", "))
		}
	case timeline.StreamStarted:
		p.order = append(p.order, body.Stream)
		p.line("stream %s started: ping %s from %s", body.Stream, body.To, body.From)
	case timeline.Sent:
		p.fate(body.Stream, body.Seq, "")
	case timeline.NotSent:
		p.fate(body.Stream, body.Seq, Unsent)
	case timeline.Replied:
		p.fate(body.Stream, body.Seq, Replied)
	case timeline.Judged:
		if body.Stream != "" && !body.Accepted {
			p.fate(body.Stream, body.Seq, Refused)
		}
	case timeline.Missed:
		p.line("missed some %s of %s", body.What, body.Host)
	case timeline.Interrupted:
		p.line("interrupted: %s", body.By)
	}
}

// fate notes what became of a packet. Elsewhere than on a terminal only a change
// is worth a line.
func (p *Progress) fate(stream string, seq int, o Outcome) {
	if len(p.marks[stream]) == 0 {
		p.first[stream] = seq
	}
	i := seq - p.first[stream]
	if i < 0 {
		return
	}
	for len(p.marks[stream]) <= i {
		p.marks[stream] = append(p.marks[stream], "")
	}
	if o == "" {
		return
	}
	p.marks[stream][i] = o
	if p.was[stream] != o {
		p.was[stream] = o
		p.line("stream %s: %s from seq %d on", stream, markOf(o).word, seq)
	}
}

// Draw shows the current experiment in place, if there is a cursor.
func (p *Progress) Draw() {
	if p.cursor == nil || p.current == 0 {
		return
	}
	p.Clear()
	p.printf("\n%s\n", cut(fmt.Sprintf("%d  %s …", p.current, p.title()), p.width-1))
	p.drawn = 2
	for _, stream := range p.order {
		var marks []mark
		for _, o := range p.marks[stream] {
			marks = append(marks, markOf(o))
		}
		label := fmt.Sprintf("   %s  ", stream)
		if room := p.width - 1 - len(label); len(marks) > room {
			marks = marks[len(marks)-max(room, 0):]
		}
		p.printf("%s%s\n", label, drawn(marks))
		p.drawn++
	}
}

// Clear takes away what Draw has written.
func (p *Progress) Clear() {
	if p.cursor != nil && p.drawn > 0 {
		_, _ = fmt.Fprintf(p.cursor, "\x1b[%dA\x1b[J", p.drawn)
	}
	p.drawn = 0
}

// line writes a line of its own where nothing is drawn in place.
func (p *Progress) line(format string, args ...any) {
	if p.cursor == nil {
		p.printf(format+"\n", args...)
	}
}

// printf writes progress. If nobody can see it, the run goes on all the same.
func (p *Progress) printf(format string, args ...any) { _, _ = fmt.Fprintf(p.text, format, args...) }

func (p *Progress) title() string {
	if p.current < 1 || p.current > len(p.plan) {
		return ""
	}
	return p.plan[p.current-1].Title
}

// cut is s in so many columns at most, for text that has no wide characters.
func cut(s string, columns int) string {
	if r := []rune(s); len(r) > columns {
		return string(r[:max(columns, 0)])
	}
	return s
}
