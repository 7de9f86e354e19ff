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

// Text writes a report for people: first the lab, then each experiment, then
// what follows from them. A run that is still going on can be written in these
// three steps as it happens.
type Text struct {
	w     io.Writer
	width int // columns
}

// NewText writes to w, in lines of so many columns at most where that can be.
func NewText(w io.Writer, width int) *Text { return &Text{w: w, width: max(width, 40)} }

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
	as := "as root"
	if r.Rootless {
		as = "without root, in a user namespace"
	}
	t.paragraph(&b, "lab  ", bold, fmt.Sprintf("%s, on %s, %s", strings.Join(hosts, " -- "), r.Kernel, as))
	t.groups(&b, r)
	var dropped []string
	for _, c := range r.Canaries {
		dropped = append(dropped, c.Host)
	}
	if len(dropped) > 0 {
		t.paragraph(&b, "     ", dim, fmt.Sprintf("Self-check: a packet that no rule allows was sent to %s; the kernel was seen to drop it.", strings.Join(dropped, " and to ")))
	}
	if r.TimeScale > 0 {
		t.paragraph(&b, "     ", yellow, r.lapse())
	}
	for _, line := range r.legend() {
		t.paragraph(&b, "     ", dim, line)
	}
	if r.Question != "" {
		b.WriteByte('\n')
		t.paragraph(&b, "", bold, r.Question)
	}
	return t.flush(&b)
}

// Experiment writes what was done in one experiment and what came of it.
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
	longest := 0
	for _, result := range x.Streams {
		longest = max(longest, len(result.Stream))
	}
	for _, result := range x.Streams {
		if s := r.Stream(result.Stream); s != nil && x.Packets > 0 {
			t.lane(&b, s, result, x.Number, laneLabel(s.Name, longest))
		}
	}
	for _, ran := range x.Ran {
		t.paragraph(&b, "  ", plain, fmt.Sprintf("%s ended with exit code %d", strings.Join(ran.Command, " "), ran.Exit))
	}
	t.remembered(&b, r, x.Number)
	switch {
	case x.Late:
		t.paragraph(&b, "  ", red, "this experiment took longer than it may")
	case !x.Complete:
		t.paragraph(&b, "  ", yellow, "this experiment was not finished")
	}
	return t.flush(&b)
}

// lapse says that the run is a time-lapse.
func (r *Report) lapse() string {
	return fmt.Sprintf("Time-lapse: waits, and how long idle flows are remembered, are multiplied by %v.", r.TimeScale)
}

func title(number int, words string) string { return fmt.Sprintf("Experiment %d: %s", number, words) }

// laneLabel stands before the marks of a stream; the labels of one experiment are
// equally wide.
func laneLabel(stream string, width int) string { return fmt.Sprintf("  stream %-*s  ", width, stream) }

// lane is a mark for each packet of a stream in one experiment, and the count.
func (t *Text) lane(b *bytes.Buffer, s *Stream, result StreamResult, experiment int, label string) {
	var marks []mark
	for _, p := range s.Packets {
		if p.Experiment == experiment {
			marks = append(marks, markOf(p.Outcome))
		}
	}
	count := fmt.Sprintf("%d sent, %s", result.Sent, result.count())
	room := t.width - len(label)
	for len(marks) > room {
		fmt.Fprintf(b, "%s%s\n", label, drawn(marks[:room]))
		marks, label = marks[room:], strings.Repeat(" ", len(label))
	}
	if len(marks)+2+len(count) > room {
		fmt.Fprintf(b, "%s%s\n%s%s\n", label, drawn(marks), strings.Repeat(" ", len(label)), count)
		return
	}
	fmt.Fprintf(b, "%s%s  %s\n", label, drawn(marks), count)
}

// drawn is marks with as few changes of colour as possible.
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

// count is a result in words: "27 replied", "19 refused", "9 replied, 10 refused".
func (s StreamResult) count() string {
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{s.Received, "replied"}, {s.Refused, "refused"}, {s.Stalled, "stalled"}, {s.Reset, "reset"}, {s.Sent - s.Received - s.Refused - s.Stalled - s.Reset, "lost"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// remembered says in a line what each stream's entry at its destination is.
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
				t.paragraph(b, "  ", dim, fmt.Sprintf("%s remembers stream %s, %s.", s.To, s.Name, f.admission()))
			}
		}
		if seen && !known {
			t.paragraph(b, "  ", dim, fmt.Sprintf("%s remembers nothing of stream %s.", s.To, s.Name))
		}
	}
}

// admission says which rule let a flow in, and what has become of the rule.
func (f Flow) admission() string {
	switch {
	case f.AdmittedBy == nil:
		return "admitted by no rule of a security group"
	case f.EqualSince != nil:
		return fmt.Sprintf("admitted by %s (revoked in experiment %d; an equal rule is in force again since %d)", *f.AdmittedBy, *f.RevokedIn, *f.EqualSince)
	case f.GroupLeftIn != nil:
		return fmt.Sprintf("admitted by %s (whose group was taken from %s in experiment %d)", *f.AdmittedBy, f.Host, *f.GroupLeftIn)
	case f.AdmittingGone:
		return fmt.Sprintf("admitted by %s (revoked in experiment %d)", *f.AdmittedBy, *f.RevokedIn)
	}
	return "admitted by " + *f.AdmittedBy
}

// Conclusion writes what follows: predicted and observed, the conntrack
// entries, the counters, what ping(8) would say, and last, where it stays on the
// screen, why.
func (t *Text) Conclusion(r *Report) error {
	var b bytes.Buffer
	t.comparison(&b, r)
	t.entries(&b, r)
	t.rules(&b, r)
	for _, s := range r.Streams {
		switch {
		case s.Sent == 0:
		case s.isPing():
			t.heading(&b, fmt.Sprintf("Stream %s, as ping(8) sums it up", s.Name))
			b.WriteString(s.pingStatistics())
		default:
			t.heading(&b, fmt.Sprintf("Stream %s (%s)", s.Name, s.what()))
			t.paragraph(&b, "  ", plain, s.statistics())
		}
	}
	if len(r.Why) > 0 {
		t.heading(&b, "Why")
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
		t.paragraph(b, "", yellow, fmt.Sprintf("Missed: %d verdicts and %d conntrack events that the kernel gave were not heard; the evidence is not complete.",
			r.Missed.Verdicts, r.Missed.Events))
	}
	switch {
	case r.Interrupted:
		t.paragraph(b, "", yellow, fmt.Sprintf("Interrupted (%s): this is what was seen by then.", r.InterruptBy))
	case r.Held && (r.Missed.Verdicts > 0 || r.Missed.Events > 0):
		t.paragraph(b, "", yellow, "As far as was heard, everything was as predicted.")
	case r.Held:
		t.paragraph(b, "", green, "Everything was as predicted.")
	default:
		t.paragraph(b, "", red, "NOT everything was as predicted.")
	}
}

// comparison is predicted × observed: a table, or a list where a table does not fit.
func (t *Text) comparison(b *bytes.Buffer, r *Report) {
	const others, narrow = 54, 14 // columns of the rest of the table, and of the title at least
	t.heading(b, "Predicted and observed")
	if t.width < others+narrow || r.wordy(t.width) {
		for _, x := range r.Experiments {
			t.paragraph(b, fmt.Sprintf("  %d  ", x.Number), plain, x.Title)
			for _, p := range x.Predictions {
				t.paragraph(b, "     ", p.style(x), fmt.Sprintf("%s: predicted %s; observed %s; held: %s", p.Subject, p.Predicted, p.Observed, p.held(x)))
			}
		}
		return
	}
	w := newTable()
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: t.width - others, WidthMaxEnforcer: text.WrapSoft}})
	w.AppendHeader(table.Row{"#", "experiment", "of", "predicted", "observed", "held"})
	for _, x := range r.Experiments {
		number, title := fmt.Sprint(x.Number), x.Title
		for _, p := range x.Predictions {
			w.AppendRow(table.Row{number, title, p.Subject, p.Predicted, p.Observed, styled(p.style(x), p.held(x))})
			number, title = "", ""
		}
	}
	writeTable(b, w)
}

// wordy reports whether predictions say too much for a table of that width.
func (r *Report) wordy(width int) bool {
	const rest = 34 // columns of the number, a narrow title, the subject and what held
	longest := 0
	for _, x := range r.Experiments {
		for _, p := range x.Predictions {
			longest = max(longest, len(p.Predicted)+len(p.Observed))
		}
	}
	return longest+rest > width
}

// held says whether the prediction held.
func (p Prediction) held(x Experiment) string {
	switch {
	case p.Held:
		return "yes"
	case !x.Begun:
		return "not run"
	case !x.Complete:
		return "cut short"
	}
	return "NO"
}

func (p Prediction) style(x Experiment) string {
	return map[string]string{"yes": green, "not run": yellow, "cut short": yellow, "NO": red}[p.held(x)]
}

// matching is how many packets had the outcome that was observed.
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

func (t *Text) heading(b *bytes.Buffer, title string) {
	fmt.Fprintf(b, "\n%s\n", styled(bold, title))
}

// paragraph writes words in lines that fit: the first behind lead, the others
// behind as much space.
func (t *Text) paragraph(b *bytes.Buffer, lead, style, words string) {
	room := t.width - len(lead)
	for _, line := range strings.Split(text.WrapSoft(words, room), "\n") {
		fmt.Fprintf(b, "%s%s\n", lead, styled(style, strings.TrimRight(line, " ")))
		lead = strings.Repeat(" ", len(lead))
	}
}

func (t *Text) flush(b *bytes.Buffer) error {
	if _, err := io.WriteString(t.w, safe(b.String())); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// newTable is a table without lines, which one can copy and which needs no
// character that some terminals draw two columns wide.
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
