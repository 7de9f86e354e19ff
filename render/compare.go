package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// A Comparison is a scenario under several enforcement models.
type Comparison struct {
	Schema   int             `json:"schema"`
	Scenario string          `json:"scenario"`
	Title    string          `json:"title"`
	Question string          `json:"question,omitempty"`
	Target   timeline.Target `json:"target"`
	Models   []Under         `json:"models"`
	steps    []report.Experiment
	language *say.Language
}

// An Under is what happened under one model.
type Under struct {
	Model   string  `json:"model"`   // with its settings, as in "cut-all"
	Product *string `json:"product"` // nil if the model was named itself
	Held    bool    `json:"held"`
	// Error is why the scenario could not run under the model, or did not end.
	Error       string       `json:"error,omitempty"`
	Experiments []underModel `json:"experiments"`
	report      *report.Report
	err         error
}

// An underModel is an experiment under a model.
type underModel struct {
	Number  int           `json:"number"`
	Streams []underStream `json:"streams"`
}

// An underStream is a stream in an experiment under a model.
type underStream struct {
	Stream   string         `json:"stream"`
	Sent     int            `json:"sent"`
	Received int            `json:"received"`
	Observed report.Outcome `json:"observed"`
	Grade    report.Grade   `json:"grade,omitempty"` // on what Observed rests
	// Why is what decided about its last packet, or dropped the reply to that; nil if that was not seen.
	Why *report.VerdictRange `json:"why,omitempty"`
}

// Compare puts the runs of a scenario under several models side by side.
func Compare(runs []Under, l *say.Language) Comparison {
	c := Comparison{Schema: 1, Models: runs, language: l}
	for _, u := range runs {
		if r := u.report; r != nil && c.steps == nil {
			c.Scenario, c.Title, c.Question, c.Target, c.steps = r.Scenario, r.Title, r.Question, r.Target, r.Experiments
		}
	}
	return c
}

// UnderOf returns what happened under a model, or the product that it stands for; with the report
// nil, why nothing did.
func UnderOf(model, product string, r *report.Report, err error) Under {
	u := Under{Model: model, Experiments: []underModel{}, report: r, err: err}
	if product != "" {
		u.Product = &product
	}
	if err != nil {
		u.Error = err.Error()
	}
	if r == nil {
		return u
	}
	u.Held = r.Held
	for _, x := range r.Experiments {
		under := underModel{Number: x.Number, Streams: []underStream{}}
		for _, s := range x.Streams {
			one := underStream{Stream: s.Stream, Sent: s.Sent, Received: s.Received, Observed: s.Observed, Grade: s.Grade}
			if v, found := r.Deciding(s.Stream, x.Number); found {
				one.Why = &v
			}
			under.Streams = append(under.Streams, one)
		}
		u.Experiments = append(u.Experiments, under)
	}
	return u
}

// Failed returns why the runs did not end, if one did not; that a scenario cannot run under a model
// is not a failure.
func (c Comparison) Failed() error {
	var errs []error
	for _, m := range c.Models {
		if m.err != nil && m.report != nil {
			errs = append(errs, m.err)
		}
	}
	return errors.Join(errs...)
}

// JSON writes the comparison for programs.
func (c Comparison) JSON(w io.Writer) error {
	encoder := json.NewEncoder(say.JSON(w))
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(c); err != nil {
		return say.Errorf("write comparison: %w", err)
	}
	return nil
}

// A column is a stream in an experiment.
type column struct {
	stream     string
	experiment int
}

// columns returns the streams, each in the experiments in which it sends packets.
func (c Comparison) columns() []column {
	var streams []string
	there := map[column]bool{}
	for _, m := range c.Models {
		for _, x := range m.Experiments {
			for _, s := range x.Streams {
				if !slices.Contains(streams, s.Stream) {
					streams = append(streams, s.Stream)
				}
				there[column{s.Stream, x.Number}] = there[column{s.Stream, x.Number}] || s.Sent > 0
			}
		}
	}
	var list []column
	for _, s := range streams {
		for n := range c.steps {
			if k := (column{s, n + 1}); there[k] {
				list = append(list, k)
			}
		}
	}
	return list
}

// at returns what happened in a column, or nil.
func (u Under) at(k column) *underStream {
	for _, x := range u.Experiments {
		for i := range x.Streams {
			if x.Number == k.experiment && x.Streams[i].Stream == k.stream && x.Streams[i].Sent > 0 {
				return &x.Streams[i]
			}
		}
	}
	return nil
}

// name returns the product and the model.
func (u Under) name() string {
	if u.Product != nil {
		return *u.Product + " (" + u.Model + ")"
	}
	return u.Model
}

// Compared writes the comparison as a table that fits, or several if it is too wide.
func (t *Text) Compared(c Comparison) error {
	var b bytes.Buffer
	t.paragraph(&b, "", bold, say.F("%s: %s", c.Scenario, say.Text(c.Title)))
	if c.Target == timeline.InMemory {
		t.paragraph(&b, "", yellow, simulatedCaveat())
	}
	for i, x := range c.steps {
		t.paragraph(&b, fmt.Sprintf("  %d  ", i+1), plain, say.Text(x.Title))
	}
	const comfortable = 100 // columns from which there is room for figures
	cell := c.cells(t, t.width >= comfortable)
	for rest := c.columns(); len(rest) > 0; { // without blank lines, so that it fits on a screen
		n := c.fitting(t, rest, cell)
		c.table(t, &b, rest[:n], cell)
		rest = rest[n:]
	}
	b.WriteByte('\n')
	for _, line := range c.legend(t) {
		t.paragraph(&b, line.lead, dim, line.words)
	}
	for _, words := range c.notRun() {
		t.paragraph(&b, "", yellow, words)
	}
	return t.flush(&b)
}

// notRun says under which models the scenario did not run, and why.
func (c Comparison) notRun() (list []say.Sentence) {
	for _, m := range c.Models {
		if m.err != nil {
			list = append(list, say.F("%s was not run: %s", say.As(m.name()), m.err))
		}
	}
	return list
}

// simulatedCaveat says in one line what a comparison in memory is worth.
func simulatedCaveat() say.Sentence {
	return say.F("Simulated, without a kernel: how Linux is known to behave, and no proof.")
}

const between = "  " // columns of a table

// cells returns what writes a cell.
func (c Comparison) cells(t *Text, figures bool) func(Under, column) string {
	return func(u Under, k column) string {
		s := u.at(k)
		if s == nil {
			return ""
		}
		shape, style := s.sign()
		text := styled(style, shape)
		switch {
		case figures:
			text += fmt.Sprintf(" %d/%d", s.Received, s.Sent)
		case s.Observed == report.Mixed:
			text = styled(style, fmt.Sprintf("%d/%d", s.Received, s.Sent))
		}
		if word := s.word(); word != "" {
			text += " " + whyIn(word).In(t.language)
		}
		return text
	}
}

// widths returns the widths of the names and of each column.
func (c Comparison) widths(t *Text, columns []column, cell func(Under, column) string) (names int, list []int) {
	names = width(t.language.Sprintf("model"))
	for _, m := range c.Models {
		if m.report != nil {
			names = max(names, width(m.name()))
		}
	}
	for _, k := range columns {
		w := len(fmt.Sprint(k.experiment))
		for _, m := range c.Models {
			w = max(w, width(cell(m, k)))
		}
		list = append(list, w)
	}
	for i := 0; i < len(columns); { // a stream's name stands above its columns
		n, sum := i, -len(between)
		for ; n < len(columns) && columns[n].stream == columns[i].stream; n++ {
			sum += list[n] + len(between)
		}
		list[n-1] += max(0, width(t.language.Sprintf("stream %s", columns[i].stream))-sum)
		i = n
	}
	return names, list
}

// fitting returns how many columns fit beside the names, at least one.
func (c Comparison) fitting(t *Text, columns []column, cell func(Under, column) string) int {
	for n := len(columns); n > 1; n-- {
		names, list := c.widths(t, columns[:n], cell)
		sum := len(between) + names
		for _, w := range list {
			sum += len(between) + w
		}
		if sum <= t.width {
			return n
		}
	}
	return 1
}

// table writes a row for each model.
func (c Comparison) table(t *Text, b *bytes.Buffer, columns []column, cell func(Under, column) string) {
	names, list := c.widths(t, columns, cell)
	line := func(first string, rest func(i int) string) {
		text := between + padded(first, names)
		for i := range columns {
			text += between + padded(rest(i), list[i])
		}
		fmt.Fprintln(b, strings.TrimRight(text, " "))
	}
	streams := between + padded("", names)
	for i := 0; i < len(columns); {
		n, sum := i, -len(between)
		for ; n < len(columns) && columns[n].stream == columns[i].stream; n++ {
			sum += list[n] + len(between)
		}
		streams += between + padded(styled(bold, t.language.Sprintf("stream %s", columns[i].stream)), sum)
		i = n
	}
	fmt.Fprintln(b, strings.TrimRight(streams, " "))
	line(t.language.Sprintf("model"), func(i int) string { return fmt.Sprint(columns[i].experiment) })
	for _, m := range c.Models {
		if m.report != nil {
			line(m.name(), func(i int) string { return cell(m, columns[i]) })
		}
	}
}

// sign returns the sign of an outcome and its style.
func (s underStream) sign() (shape, style string) {
	if s.Observed == report.Mixed {
		return "±", yellow
	}
	return Mark(s.Observed)
}

// word returns the key of what decided, as [whyIn] has it, or "".
func (s underStream) word() string {
	v := s.Why
	switch {
	case v == nil:
		return ""
	case v.Verdict == "accept":
		return map[packet.Kind]string{packet.ByEstablished: "entry", packet.ByGroup: "rule", packet.ByModel: "unfiltered", packet.ByRelated: "related"}[v.Kind]
	case v.Kind == packet.ByDefault && v.Packet == "reply":
		return "reply"
	case v.Kind == packet.ByDefault && v.State == packet.Established:
		return "known"
	case v.Kind == packet.ByDefault:
		return string(v.State)
	}
	return string(v.Kind)
}

// whyIn returns a word for what decided about a packet.
func whyIn(word string) say.Sentence {
	switch word {
	case "entry":
		return say.F("entry")
	case "rule":
		return say.F("rule")
	case "unfiltered":
		return say.F("unfiltered")
	case "new":
		return say.F("new")
	case "known":
		return say.F("known")
	case "reply":
		return say.F("reply")
	case "untracked":
		return say.F("untracked")
	case "invalid":
		return say.F("invalid")
	case "gateway":
		return say.F("reset")
	case "tombstone":
		return say.F("blocked")
	case "acl":
		return say.F("ACL")
	}
	return say.As(word)
}

// meaning explains a word of the table.
func meaning(word string) say.Sentence {
	switch word {
	case "entry":
		return say.F("accepted since conntrack knows the flow; no rule was checked")
	case "rule":
		return say.F("a rule allows the packet")
	case "unfiltered":
		return say.F("the model does not filter such packets")
	case "new":
		return say.F("no rule allows it, and conntrack does not know the flow")
	case "known":
		return say.F("no rule allows it, although conntrack knows the flow")
	case "reply":
		return say.F("the request was accepted, but not its reply")
	case "untracked":
		return say.F("no rule allows it, and EC2 does not track the flow")
	case "invalid":
		return say.F("it fits no flow that conntrack knows, and no rule allows it or is checked")
	case "gateway":
		return say.F("the NAT gateway does not know the connection, and resets it")
	case "tombstone":
		return say.F("a reply whose request was dropped before")
	case "acl":
		return say.F("the network ACL denies it")
	}
	return say.Sentence{}
}

// A legendLine explains a sign or a word.
type legendLine struct {
	lead  string
	words say.Sentence
}

// met returns the outcomes that the table has, and the words that it has and that are explained.
func (c Comparison) met() (outcomes []report.Outcome, words []string) {
	for _, k := range c.columns() {
		for _, m := range c.Models {
			s := m.at(k)
			if s == nil {
				continue
			}
			if !slices.Contains(outcomes, s.Observed) {
				outcomes = append(outcomes, s.Observed)
			}
			if word := s.word(); word != "" && !slices.Contains(words, word) && !meaning(word).Empty() {
				words = append(words, word)
			}
		}
	}
	return outcomes, words
}

// legend explains the signs and words that the table has.
func (c Comparison) legend(t *Text) (list []legendLine) {
	outcomes, words := c.met()
	signs := ""
	for _, o := range outcomes {
		shape, _ := underStream{Observed: o}.sign()
		signs += "  " + shape + " " + o.In(t.language)
	}
	list = append(list, legendLine{"", say.As(strings.TrimSpace(signs))})
	longest := 0
	for _, w := range words {
		longest = max(longest, width(whyIn(w).In(t.language)))
	}
	for _, w := range words {
		list = append(list, legendLine{padded(whyIn(w).In(t.language), longest) + "  ", meaning(w)})
	}
	return list
}

// Markdown writes the comparison as a table.
func (c Comparison) Markdown(w io.Writer) error {
	var b bytes.Buffer
	t := &Text{width: 80, language: c.language}
	fmt.Fprintf(&b, "## %s: %s\n\n", md(c.Scenario), md(c.language.Text(c.Title)))
	if c.Question != "" {
		fmt.Fprintf(&b, "*%s*\n\n", md(c.language.Text(c.Question)))
	}
	if c.Target == timeline.InMemory {
		fmt.Fprintf(&b, "%s\n\n", md(simulatedCaveat().In(c.language)))
	}
	for i, x := range c.steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, md(c.language.Text(x.Title)))
	}
	columns, cell := c.columns(), c.cells(t, true)
	table := newTable()
	header := t.row(say.F("model"))
	for _, k := range columns {
		header = append(header, md(c.language.Sprintf("stream %s", k.stream))+fmt.Sprintf(" · %d", k.experiment))
	}
	table.AppendHeader(header)
	for _, m := range c.Models {
		if m.report == nil {
			continue
		}
		row := t.row("`" + m.name() + "`")
		for _, k := range columns {
			row = append(row, md(unstyled(cell(m, k))))
		}
		table.AppendRow(row)
	}
	fmt.Fprintf(&b, "\n%s\n\n", table.RenderMarkdown())
	for _, line := range c.legend(t) {
		if line.lead != "" {
			fmt.Fprintf(&b, "- **%s**: %s\n", md(strings.TrimSpace(line.lead)), md(line.words.In(c.language)))
		} else {
			fmt.Fprintf(&b, "- %s\n", md(line.words.In(c.language)))
		}
	}
	for _, words := range c.notRun() {
		fmt.Fprintf(&b, "- %s\n", md(words.In(c.language)))
	}
	if _, err := io.WriteString(w, say.Printable(b.String())); err != nil {
		return say.Errorf("write comparison: %w", err)
	}
	return nil
}

// unstyled returns text without colours.
func unstyled(text string) string {
	for _, style := range []string{plain, bold, dim, red, green, yellow} {
		text = strings.ReplaceAll(text, style, "")
	}
	return text
}
