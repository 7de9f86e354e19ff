package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

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

// All writes the whole report.
func (t *Text) All(r *Report) error {
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
func (t *Text) Lab(r *Report) error {
	var b bytes.Buffer
	hosts := make([]string, 0, len(r.Hosts))
	for _, h := range r.Hosts {
		hosts = append(hosts, h.Name+" "+h.Address)
	}
	as := say.F("as root")
	if r.Rootless {
		as = say.F("without root, in a user namespace")
	}
	t.paragraph(&b, padded(t.language.Sprintf("lab"), 5), bold, say.F("%s, on %s, %s", strings.Join(hosts, " -- "), r.Kernel, as))
	t.groups(&b, r)
	var dropped []string
	for _, c := range r.Canaries {
		dropped = append(dropped, c.Host)
	}
	if len(dropped) > 0 {
		t.paragraph(&b, "     ", dim, say.F("Self-check: a packet that no rule allows was sent to %s; the kernel dropped it.", say.Names(" and to ", dropped...)))
	}
	if r.TimeScale > 0 {
		t.paragraph(&b, "     ", yellow, r.lapse())
	}
	for _, line := range r.legend() {
		t.paragraph(&b, "     ", dim, line)
	}
	if r.Question != "" {
		b.WriteByte('\n')
		t.paragraph(&b, "", bold, say.Text(r.Question))
	}
	return t.flush(&b)
}

// Experiment writes what was done in one experiment, and the results.
func (t *Text) Experiment(r *Report, number int) error {
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
		t.paragraph(&b, d.when(t.language)+"  ", plain, d.What)
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

// lapse says that the run is a time-lapse.
func (r *Report) lapse() say.Sentence {
	return say.F("Time-lapse: waits and idle timeouts are multiplied by %v.", r.TimeScale)
}

func title(number int, words string) say.Sentence {
	return say.F("Experiment %d: %s", number, say.Text(words))
}

// laneLabel returns the label in front of a stream's marks. The labels of one experiment have the
// same width.
func laneLabel(l *say.Language, stream string, all []string) string {
	return "  " + l.Sprintf("stream %s", padded(stream, widest(all))) + "  "
}

func namesOf(results []StreamResult) []string {
	var names []string
	for _, r := range results {
		names = append(names, r.Stream)
	}
	return names
}

// lane writes a mark for each packet of a stream in one experiment, and the count.
func (t *Text) lane(b *bytes.Buffer, s *Stream, result StreamResult, experiment int, label string) {
	var marks []mark
	for _, p := range s.Packets {
		if p.Experiment == experiment {
			marks = append(marks, markOf(p.Outcome))
		}
	}
	count := t.language.Sprintf("%d sent, %s", result.Sent, result.count())
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
func (s StreamResult) count() say.Sentence {
	var parts []say.Sentence
	for _, c := range []struct {
		n    int
		word Outcome
	}{{s.Received, Replied}, {s.Refused, Refused}, {s.Stalled, Stalled}, {s.Reset, Reset}, {s.Sent - s.Received - s.Refused - s.Stalled - s.Reset, Lost}} {
		if c.n > 0 {
			parts = append(parts, say.F("%d %s", c.n, c.word))
		}
	}
	if len(parts) == 0 {
		return say.F("%d %s", 0, Replied)
	}
	return say.List(", ", parts...)
}

// remembered writes one line about the entry of each stream at its destination.
func (t *Text) remembered(b *bytes.Buffer, r *Report, experiment int) {
	for _, s := range r.Streams {
		if len(s.Packets) == 0 || s.Packets[0].Experiment > experiment {
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
				t.paragraph(b, "  ", dim, say.F("%s: conntrack entry for stream %s, %s.", s.To, s.Name, f.admission()))
			}
		}
		if seen && !known {
			t.paragraph(b, "  ", dim, say.F("%s: no conntrack entry for stream %s.", s.To, s.Name))
		}
	}
}

// admission says which rule admitted a flow, and what has happened to the rule since.
func (f Flow) admission() say.Sentence { return say.F("admitted by %s", f.by()) }

// by returns the rule that admitted a flow, and what has happened to the rule since.
func (f Flow) by() say.Sentence {
	switch {
	case f.AdmittedBy == nil:
		return say.F("no security-group rule")
	case f.EqualSince != nil:
		return say.F("%s (revoked%s; an identical rule is in force%s)", *f.AdmittedBy, inExperiment(*f.RevokedIn), sinceExperiment(*f.EqualSince))
	case f.GroupLeftIn != nil:
		return say.F("%s (whose group was removed from %s%s)", *f.AdmittedBy, f.Host, inExperiment(*f.GroupLeftIn))
	case f.AdmittingGone:
		return say.F("%s (revoked%s)", *f.AdmittedBy, inExperiment(*f.RevokedIn))
	}
	return say.As(*f.AdmittedBy)
}

// Conclusion writes predictions and observations, the conntrack entries, the counters, what ping(8)
// would print and, last, where it stays on the screen, why.
func (t *Text) Conclusion(r *Report) error {
	var b bytes.Buffer
	t.comparison(&b, r)
	t.entries(&b, r)
	t.rules(&b, r)
	for _, s := range r.Streams {
		switch {
		case s.Sent == 0:
		case s.isPing():
			t.heading(&b, say.F("Stream %s: ping(8) summary", s.Name))
			b.WriteString(s.pingStatistics())
		default:
			t.heading(&b, say.F("Stream %s (%s)", s.Name, s.what()))
			t.paragraph(&b, "  ", plain, s.statistics())
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
	t.verdict(&b, r)
	return t.flush(&b)
}

func (t *Text) verdict(b *bytes.Buffer, r *Report) {
	b.WriteByte('\n')
	if r.Missed.Verdicts > 0 || r.Missed.Events > 0 {
		t.paragraph(b, "", yellow, say.F("Lost %d verdicts and %d conntrack events (socket overflow): evidence is incomplete.",
			r.Missed.Verdicts, r.Missed.Events))
	}
	switch {
	case r.Interrupted:
		t.paragraph(b, "", yellow, say.F("Interrupted (%s): this is what was seen until then.", r.InterruptBy))
	case !r.predicted():
		t.paragraph(b, "", plain, say.F("No predictions were made."))
	case r.Held && (r.Missed.Verdicts > 0 || r.Missed.Events > 0):
		t.paragraph(b, "", yellow, say.F("All predictions held, as far as the evidence goes."))
	case r.Held:
		t.paragraph(b, "", green, say.F("All predictions held."))
	default:
		t.paragraph(b, "", red, r.notHeld())
		for _, p := range r.points() { // above, these are among the points that held
			if p.failed() {
				t.paragraph(b, "  ", red, say.F("%s: %s", r.where(p), p.failure()))
			}
		}
	}
}

// matching returns how many packets had the outcome that was observed.
func (s StreamResult) matching() int {
	switch s.Observed {
	case Refused:
		return s.Refused
	case Replied, Mixed:
		return s.Received
	case Stalled:
		return s.Stalled
	case Reset:
		return s.Reset
	}
	return 0
}

func (t *Text) heading(b *bytes.Buffer, title say.Sentence) {
	fmt.Fprintf(b, "\n%s\n", styled(bold, title.In(t.language)))
}

// paragraph wraps words: the first line follows lead, the others are indented by its width.
func (t *Text) paragraph(b *bytes.Buffer, lead, style string, words say.Sentence) {
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
