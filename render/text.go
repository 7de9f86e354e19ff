package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"lablab/report"
	"lablab/say"
)

// A Text writes a report for people: first the lab, then each experiment, then the conclusion.
// While a run is still going on, these three steps can be written one at a time.
type Text struct {
	w        io.Writer
	width    int // columns
	language *say.Language
}

// NewText returns a Text that writes to w, in lines of at most width columns where possible.
func NewText(w io.Writer, width int, l *say.Language) *Text {
	return &Text{w: w, width: max(width, 40), language: l}
}

// forwarders writes which hosts pass on what is not for themselves.
func (t *Text) forwarders(b *bytes.Buffer, r *report.Report) {
	for _, h := range r.Hosts {
		switch {
		case h.Ruleset != "":
			t.ruleset(b, h)
		case h.Masquerade:
			t.paragraph(b, "     ", dim, say.F("%s forwards packets between other hosts, with its own address as their source (masquerade)", h.Name))
		case h.Forwards:
			t.paragraph(b, "     ", dim, say.F("%s forwards packets between other hosts", h.Name))
		}
	}
}

// ruleset writes which ruleset a host has instead of groups.
func (t *Text) ruleset(b *bytes.Buffer, h report.Host) {
	file := say.Line(h.Ruleset)
	if h.Forwards {
		t.paragraph(b, "     ", dim, say.F("%s forwards packets between other hosts, and has its own ruleset: %s", h.Name, file))
		return
	}
	t.paragraph(b, "     ", dim, say.F("%s has its own ruleset: %s", h.Name, file))
}

// models writes which hosts have another enforcement model than EC2's.
func (t *Text) models(b *bytes.Buffer, r *report.Report) {
	for _, h := range r.Hosts {
		switch {
		case h.Model == "" || h.Model == "aws":
		case h.Product != "":
			t.paragraph(b, "     ", dim, say.F("%s has enforcement model %s, as %s does", h.Name, h.Model, h.Product))
		default:
			t.paragraph(b, "     ", dim, say.F("%s has enforcement model %s", h.Name, h.Model))
		}
	}
}

// All writes the whole report.
func (t *Text) All(r *report.Report) error {
	if err := t.Lab(r); err != nil {
		return err
	}
	for _, x := range r.Experiments {
		if !x.Begun {
			continue
		}
		if err := t.Experiment(r, x.Number); err != nil {
			return err
		}
	}
	return t.Conclusion(r)
}

// Lab writes what the lab is.
func (t *Text) Lab(r *report.Report) error {
	var b bytes.Buffer
	hosts := make([]string, 0, len(r.Hosts))
	for _, h := range r.Hosts {
		hosts = append(hosts, strings.TrimSpace(strings.Join([]string{h.Name, h.Address, h.Second}, " ")))
	}
	as := say.F("as root")
	if r.Rootless {
		as = say.F("without root, in a user namespace")
	}
	lab := say.F("%s, on %s, %s", strings.Join(hosts, " -- "), r.Kernel, as)
	if r.Simulated() {
		lab = say.F("%s, simulated", strings.Join(hosts, " -- "))
	}
	t.paragraph(&b, padded(t.language.Sprintf("lab"), 5), bold, lab)
	t.forwarders(&b, r)
	t.models(&b, r)
	t.groups(&b, r)
	var dropped []string
	for _, c := range r.Canaries {
		dropped = append(dropped, c.Host)
	}
	if len(dropped) > 0 {
		t.paragraph(&b, "     ", dim, say.F("Self-check: a packet that no rule allows was sent to %s; the kernel dropped it.", say.Names(" and to ", dropped...)))
	}
	for _, caveat := range caveats(r) {
		t.paragraph(&b, "     ", yellow, caveat)
	}
	for _, line := range legend(r) {
		t.paragraph(&b, "     ", dim, line)
	}
	if r.Question != "" {
		b.WriteByte('\n')
		t.paragraph(&b, "", bold, say.Text(r.Question))
	}
	return t.flush(&b)
}

// Experiment writes what was done in one experiment, and the results.
func (t *Text) Experiment(r *report.Report, number int) error {
	x := r.Experiment(number)
	if x == nil {
		return say.Errorf("write report: no experiment %d", number)
	}
	var b bytes.Buffer
	b.WriteByte('\n')
	t.paragraph(&b, "", bold, title(x.Number, x.Title))
	for _, do := range x.Do {
		t.paragraph(&b, "  ", dim, do)
	}
	for _, d := range x.Done {
		t.paragraph(&b, clock(t.language, d.AtMS/1000)+"  ", plain, d.What)
	}
	names := namesOf(x.Streams)
	for _, result := range x.Streams {
		if s := r.Stream(result.Stream); s != nil && (x.Packets > 0 || result.Sent > 0) {
			t.lane(&b, s, result, x.Number, laneLabel(t.language, s.Name, names))
		}
	}
	for _, ran := range x.Ran {
		t.paragraph(&b, "  ", plain, say.F("%s ended with exit code %d", strings.Join(ran.Command, " "), ran.Exit))
	}
	t.remembered(&b, r, x.Number)
	switch {
	case x.Late:
		t.paragraph(&b, "  ", red, say.F("this experiment exceeded its time limit"))
	case !x.Complete:
		t.paragraph(&b, "  ", yellow, say.F("this experiment was not finished"))
	}
	return t.flush(&b)
}

func title(number int, words string) say.Sentence {
	return say.F("Experiment %d: %s", number, say.Text(words))
}

// clock returns the time of a step by hand: "   2.4 s".
func clock(l *say.Language, seconds float64) string {
	return l.Sprintf("%s s", fmt.Sprintf("%6.1f", seconds))
}

// laneLabel returns the label in front of a stream's marks. The labels of one experiment have the
// same width.
func laneLabel(l *say.Language, stream string, all []string) string {
	return "  " + l.Sprintf("stream %s", padded(stream, widest(all))) + "  "
}

func namesOf(results []report.StreamResult) []string {
	var names []string
	for _, r := range results {
		names = append(names, r.Stream)
	}
	return names
}

// lane writes a mark for each packet of a stream in one experiment, and the count.
func (t *Text) lane(b *bytes.Buffer, s *report.Stream, result report.StreamResult, experiment int, label string) {
	var marks []mark
	for _, p := range s.Packets {
		if p.Experiment == experiment {
			marks = append(marks, markOf(p.Outcome))
		}
	}
	count := t.language.Sprintf("%d sent, %s", result.Sent, count(result))
	if width(label) > t.width/2 { // then the marks go below it
		t.paragraph(b, "  ", plain, say.As(strings.TrimSpace(label)))
		label = "    "
	}
	room := t.width - width(label)
	for len(marks) > room {
		fmt.Fprintf(b, "%s%s\n", label, drawn(marks[:room]))
		marks, label = marks[room:], strings.Repeat(" ", width(label))
	}
	if len(marks)+2+width(count) > room {
		fmt.Fprintf(b, "%s%s\n%s%s\n", label, drawn(marks), strings.Repeat(" ", max(min(width(label), t.width-width(count)), 0)), count)
		return
	}
	fmt.Fprintf(b, "%s%s  %s\n", label, drawn(marks), count)
}

// drawn joins marks with as few colour changes as possible.
func drawn(marks []mark) string {
	var b strings.Builder
	for i, m := range marks {
		if i == 0 || marks[i-1].style != m.style {
			b.WriteString(m.style)
		}
		b.WriteString(m.shape)
	}
	if len(marks) > 0 {
		b.WriteString(plain)
	}
	return b.String()
}

// count returns a result in words: "27 replied", "19 refused", "9 replied, 10 refused".
func count(s report.StreamResult) say.Sentence {
	var parts []say.Sentence
	for _, c := range []struct {
		n    int
		word report.Outcome
	}{{s.Received, report.Replied}, {s.Refused, report.Refused}, {s.Stalled, report.Stalled}, {s.Reset, report.Reset}, {s.Sent - s.Received - s.Refused - s.Stalled - s.Reset, report.Lost}} {
		if c.n > 0 {
			parts = append(parts, say.F("%d %s", c.n, c.word))
		}
	}
	if len(parts) == 0 {
		return say.F("%d %s", 0, report.Replied)
	}
	return say.List(", ", parts...)
}

// remembered writes one line about the entry of each stream at its destination.
func (t *Text) remembered(b *bytes.Buffer, r *report.Report, experiment int) {
	begun := func(s report.Stream) bool { return len(s.Packets) > 0 && s.Packets[0].Experiment <= experiment }
	for i, s := range r.Streams {
		// A flow that two streams share is reported once, as the later one's.
		if !begun(s) || slices.ContainsFunc(r.Streams[i+1:], func(later report.Stream) bool { return begun(later) && s.SameFlow(later) }) {
			continue
		}
		known, seen := false, false
		for _, f := range r.Flows {
			if f.Experiment != experiment {
				continue
			}
			seen = true
			if f.Host == s.To && f.Stream != nil && *f.Stream == s.Name {
				known = true
				t.paragraph(b, "  ", dim, say.F("%s: conntrack entry for stream %s, %s.", s.To, s.Name, f.Admission()))
			}
		}
		if seen && !known {
			t.paragraph(b, "  ", dim, say.F("%s: no conntrack entry for stream %s.", s.To, s.Name))
		}
	}
}

// Conclusion writes predictions and observations, the conntrack entries, the counters, what ping(8)
// would print and, last, where it stays on the screen, why.
func (t *Text) Conclusion(r *report.Report) error {
	var b bytes.Buffer
	t.comparison(&b, r)
	t.entries(&b, r)
	t.rules(&b, r)
	for _, s := range r.Streams {
		switch {
		case s.Sent == 0:
		case s.IsPing():
			t.heading(&b, say.F("Stream %s: ping(8) summary", s.Name))
			b.WriteString(pingStatistics(&s))
		default:
			t.heading(&b, say.F("Stream %s (%s)", s.Name, s.What()))
			t.paragraph(&b, "  ", plain, statistics(&s))
		}
	}
	if len(r.Why) > 0 {
		t.heading(&b, say.F("Why"))
		for _, p := range r.Why {
			t.paragraph(&b, "  ", bold, p.Subject)
			for _, sentence := range p.Sentences {
				t.paragraph(&b, "  - ", plain, sentence)
			}
		}
	}
	t.deleted(&b, r)
	t.verdict(&b, r)
	return t.flush(&b)
}

// deleted writes what passed before changes of the rules deleted entries.
func (t *Text) deleted(b *bytes.Buffer, r *report.Report) {
	d := r.Deleted
	if d == nil {
		return
	}
	t.heading(b, say.F("Entries that changes of the rules deleted"))
	t.paragraph(b, "  ", plain, say.F("%d deleted; packets of theirs from just before the change until then: %d", d.Entries, d.Passed))
	if d.Unknown > 0 {
		t.paragraph(b, "  ", yellow, say.F("without those of %d entries, whose end was not reported", d.Unknown))
	}
}

func (t *Text) verdict(b *bytes.Buffer, r *report.Report) {
	b.WriteByte('\n')
	if r.Missed.Verdicts > 0 || r.Missed.Events > 0 {
		t.paragraph(b, "", yellow, say.F("Lost %d verdicts and %d conntrack events (socket overflow): evidence is incomplete.",
			r.Missed.Verdicts, r.Missed.Events))
	}
	t.paragraph(b, "", toneOf(r).style(), r.Conclusion())
	for _, p := range r.Failures() { // above, these are among the points that held
		t.paragraph(b, "  ", red, say.F("%s: %s", where(r, p), p.Failure()))
	}
	for _, p := range r.Unjudged() {
		t.paragraph(b, "  ", yellow, say.F("%s: %s", where(r, p), p.Reason()))
	}
}

func (t *Text) heading(b *bytes.Buffer, title say.Sentence) {
	fmt.Fprintf(b, "\n%s\n", styled(bold, title.In(t.language)))
}

// paragraph wraps words: the first line follows lead, the others are indented by its width.
func (t *Text) paragraph(b *bytes.Buffer, lead, style string, words say.Sentence) {
	if width(lead) > t.width/2 { // a lead without a place beside it has lines of its own
		for line := range strings.SplitSeq(wrap(strings.TrimSpace(lead), t.width-2), "\n") {
			fmt.Fprintf(b, "  %s\n", line)
		}
		lead = "     "
	}
	room := t.width - width(lead)
	for _, line := range strings.Split(wrap(words.In(t.language), room), "\n") {
		fmt.Fprintf(b, "%s%s\n", lead, styled(style, strings.TrimRight(line, " ")))
		lead = strings.Repeat(" ", width(lead))
	}
}

// row returns a table row in the language.
func (t *Text) row(cells ...any) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = cell
		if s, can := cell.(say.Sayer); can {
			row[i] = s.In(t.language)
		}
	}
	return row
}

func (t *Text) flush(b *bytes.Buffer) error {
	if _, err := io.WriteString(t.w, safe(b.String())); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// newTable returns a table without lines: it is easy to copy, and needs no character that some
// terminals draw two columns wide.
func newTable() table.Writer {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	w.SetStyle(style)
	return w
}

func writeTable(b *bytes.Buffer, w table.Writer) {
	for _, line := range strings.Split(w.Render(), "\n") {
		fmt.Fprintf(b, "  %s\n", strings.TrimRight(line, " "))
	}
}
