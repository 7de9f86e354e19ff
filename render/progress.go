package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/jedib0t/go-pretty/v6/text"

	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// Progress shows a run while it goes on: in place on a terminal; elsewhere as one line for each
// event worth telling a person.
type Progress struct {
	language *say.Language
	text     *colorprofile.Writer // keeps or strips colours
	screen   io.Writer            // the terminal to redraw in place, or nil
	size     func() (width, height int)

	plan    []timeline.Plan
	lab     string           // name of the scenario
	ready   bool             // the lab is built: later changes are made by hand
	current int              // current experiment
	order   []string         // running streams
	waiting map[string][]int // packets whose outcome is not known yet, by stream
	was     map[string]report.Outcome
	known   *report.Live
	keep    int // packets of a stream that it keeps; 0 for all
	drawn   int // lines on the screen
	width   int // width of the screen when they were drawn
	frame   []byte
}

// NewProgress writes lines to text. If screen is set, it redraws there in place instead, and asks
// for the size before each drawing.
func NewProgress(text *colorprofile.Writer, screen io.Writer, size func() (width, height int), l *say.Language) *Progress {
	p := &Progress{
		language: l, text: text, screen: screen, size: size,
		waiting: map[string][]int{}, was: map[string]report.Outcome{},
	}
	if screen == nil {
		p.keep = 600 // packets of a stream whose outcome may still change: none is drawn
	}
	p.known = report.NewLive(p.keep)
	return p
}

// Add takes the next event.
func (p *Progress) Add(e timeline.Event) {
	session := p.current > 0 && p.now().ByHand()
	switch {
	case session:
		if what := p.known.Step(e); !what.Empty() {
			p.line("%s  %s", clock(p.language, e.At.Seconds()), what)
		}
	case p.ready:
		p.sentence(changed(e.Body))
	}
	p.known.Add(e)
	switch body := e.Body.(type) {
	case timeline.Begun:
		if p.lab != "" {
			p.line("another scenario was loaded: %s", body.Scenario)
		}
		p.plan, p.lab, p.ready, p.current, p.order = body.Plan, body.Scenario, false, 0, nil
		clear(p.waiting)
		clear(p.was)
		p.known = report.NewLive(p.keep)
		if body.Target == timeline.InMemory {
			p.line("simulating the lab, without a kernel")
		} else {
			p.line("building the lab on %s", body.Kernel)
		}
	case timeline.CanaryDropped:
		p.line("self-check: %s dropped %s", body.Host, body.Packet.Key())
	case timeline.Ready:
		p.ready = true
	case timeline.ExperimentBegun:
		p.current = body.Number
		clear(p.waiting)
		p.line("experiment %d of %d: %s", body.Number, len(p.plan), say.Text(p.now().Title))
	case timeline.StreamStarted:
		p.order = append(p.order, body.Stream)
		if !session { // the manual log has already reported it
			p.line("stream %s started: %s from %s to %s", body.Stream, startedWord(body), body.From, body.To)
		}
	case timeline.StreamStopped:
		p.order = slices.DeleteFunc(p.order, func(s string) bool { return s == body.Stream })
		switch {
		case session:
		case body.Error != "":
			p.line("stream %s failed: %s", body.Stream, body.Why())
		default:
			p.line("stream %s stopped", body.Stream)
		}
	case timeline.TimedOut:
		p.line("the experiment took longer than %s", body.Within)
	case timeline.Halted:
		if body.For >= time.Second {
			p.line("lablab did not run for %s", body.For.Round(100*time.Millisecond))
		}
	case timeline.Ran:
		p.line("on %s: %s: exit code %d", body.Host, strings.Join(body.Command, " "), body.Exit)
	case timeline.Forged:
		p.line("%s sent a forged packet: %s", body.Host, body.Packet.Key())
	case timeline.Sent:
		p.sent(body.Stream, body.Seq)
	case timeline.NotSent:
		p.sent(body.Stream, body.Seq)
	case timeline.Unreached:
		p.outcome(body.Stream, body.Seq)
	case timeline.Replied:
		p.outcome(body.Stream, body.Seq)
	case timeline.Judged:
		if body.Stream != "" && !body.Accepted {
			p.settle(body.Stream)
		}
		if p.ready && p.current == 0 { // done by hand, outside any experiment
			p.sentence(p.known.News(body))
		}
	case timeline.Missed:
		p.line("lost %d %s on %s (socket overflow)", body.Count, body.What.Said(), body.Host)
	case timeline.Interrupted:
		p.line("interrupted: %s", body.By)
	case timeline.Ended:
		switch {
		case p.current > 0: // the report covers it
		case body.Failed != "":
			p.line("the lab of scenario %s failed: %s", p.lab, body.Failed)
		default:
			p.line("the lab of scenario %s has ended", p.lab)
		}
	}
}

// sentence writes a sentence, unless it is empty.
func (p *Progress) sentence(words say.Sentence) {
	if !words.Empty() {
		p.line("%s", words)
	}
}

// changed describes what e changes for later packets; it returns nothing if e changes nothing.
func changed(e timeline.Body) say.Sentence {
	switch body := e.(type) {
	case timeline.RuleRevoked:
		return say.F("rule %s revoked on %s", body.ID, strings.Join(body.Hosts, ", "))
	case timeline.RuleAuthorized:
		return say.F("rule %s authorized on %s", body.ID, strings.Join(body.Hosts, ", "))
	case timeline.GroupsChanged:
		return say.F("%s is now in %s", body.Host, orNone(body.Groups))
	case timeline.ACLChanged:
		if body.ACL == nil {
			return say.F("network ACL removed from %s", body.Host)
		}
		return say.F("network ACL attached to %s: %s", body.Host, strings.Join(body.ACL.Lines(), "; "))
	case timeline.PrefixListChanged:
		return body.Now()
	case timeline.Cut:
		return say.F("conntrack entry deleted on %s: %s", body.Host, body.Flow)
	}
	return say.Sentence{}
}

// sent notes a packet whose outcome is to be shown.
func (p *Progress) sent(stream string, seq int) {
	p.waiting[stream] = append(p.waiting[stream], seq)
	if over := len(p.waiting[stream]) - p.keep; p.keep > 0 && over > 0 {
		p.waiting[stream] = p.waiting[stream][over:]
	}
	p.settle(stream)
}

// settle looks for packets whose outcome is known now.
func (p *Progress) settle(stream string) {
	p.waiting[stream] = slices.DeleteFunc(p.waiting[stream], func(seq int) bool { return p.outcome(stream, seq) })
}

// outcome reports whether the outcome of a packet is known. Without a terminal, only a change is
// worth a line.
func (p *Progress) outcome(stream string, seq int) bool {
	o := p.known.Outcome(stream, seq)
	if o == report.Late {
		o = report.Replied // a late reply is still a reply
	}
	if o != "" && p.was[stream] != o {
		p.was[stream] = o
		p.line("stream %s: %s from packet %d on", stream, o.In(p.language), seq)
	}
	return o != ""
}

// Draw redraws the current experiment in place, if there is a screen. It looks like the
// experiment's part of the report, so that nothing jumps when the report replaces it.
func (p *Progress) Draw() {
	if p.screen == nil || p.current == 0 {
		return
	}
	width, height := p.size()
	lines := p.lines(width - 1) // a full line might wrap
	if len(lines) >= height {
		return
	}
	if width != p.width {
		p.drawn = 0 // the terminal may have wrapped the drawing; leave it
	}
	var text bytes.Buffer
	colour := &colorprofile.Writer{Forward: &text, Profile: p.text.Profile}
	_, _ = colour.Write([]byte(safe(strings.Join(lines, "\n"))))
	// A single write, without erasing first, does not flicker.
	frame := p.back()
	frame = append(frame, bytes.ReplaceAll(text.Bytes(), []byte("\n"), []byte("\x1b[K\n"))...)
	frame = append(frame, "\x1b[K\n\x1b[J"...)
	if p.drawn > 0 && bytes.Equal(frame, p.frame) {
		return
	}
	_, _ = p.screen.Write(frame)
	p.drawn, p.width, p.frame = len(lines), width, frame
}

// Slow says that the kernel takes long to build the lab: a request that makes it load a module waits
// for that, and cannot be given up.
func (p *Progress) Slow() {
	_, _ = io.WriteString(p.text, safe(p.language.Sprintf("the kernel has not answered for a while: it may be loading a module (Ctrl-C ends lablab)")+"\n"))
}

// lines returns what Draw shows, at most columns wide.
func (p *Progress) lines(columns int) []string {
	now := p.now()
	lines := []string{"", styled(bold, cut(title(now.Number, now.Title).In(p.language), columns))}
	for _, do := range now.Said() {
		lines = append(lines, styled(dim, cut("  "+do.In(p.language), columns)))
	}
	const most = 12 // manual steps to show above the streams
	steps := p.known.Steps()
	for _, d := range steps[max(0, len(steps)-most):] {
		lines = append(lines, cut(clock(p.language, d.AtMS/1000)+"  "+d.What.In(p.language), columns))
	}
	for _, stream := range p.order {
		sent, outcomes := p.known.In(p.current, stream, columns)
		label, count := cut(laneLabel(p.language, stream, p.order), columns/2), p.language.Sprintf("  %d of %d", sent, now.Packets)
		if now.Packets == 0 { // the number of packets is open
			count = fmt.Sprintf("  %d", sent)
		}
		if room := columns - width(label) - width(count); len(outcomes) > room {
			outcomes = outcomes[len(outcomes)-max(room, 0):]
		}
		marks := make([]mark, 0, len(outcomes))
		for _, o := range outcomes {
			marks = append(marks, markOf(o))
		}
		lines = append(lines, cut(label+drawn(marks)+count, columns))
	}
	return lines
}

// Clear erases what Draw has drawn.
func (p *Progress) Clear() {
	if p.screen == nil || p.drawn == 0 {
		return
	}
	_, _ = p.screen.Write(append(p.back(), "\x1b[J"...))
	p.drawn = 0
}

// back returns the sequence that moves the cursor to where the drawing begins, from any column.
func (p *Progress) back() []byte {
	if p.drawn == 0 {
		return []byte("\r")
	}
	return fmt.Appendf(nil, "\r\x1b[%dA", p.drawn)
}

// line writes a line if nothing is drawn in place. If writing fails, the run goes on.
func (p *Progress) line(format string, args ...any) {
	if p.screen == nil {
		_, _ = io.WriteString(p.text, safe(p.language.Sprintf(format, args...)+"\n"))
	}
}

// now returns the plan of the current experiment.
func (p *Progress) now() timeline.Plan {
	if p.current < 1 || p.current > len(p.plan) {
		return timeline.Plan{Number: p.current}
	}
	return p.plan[p.current-1]
}

// cut truncates s to columns.
func cut(s string, columns int) string { return text.Trim(s, max(columns, 0)) }

func startedWord(s timeline.StreamStarted) say.Sentence {
	if s.Port == 0 {
		return say.As("ping")
	}
	return say.F("%s to port %d", s.Protocol, s.Port)
}

func orNone(words []string) say.Sentence {
	if len(words) == 0 {
		return say.F("no group")
	}
	return say.Names(", ", words...)
}
