package whatif

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"lablab/fate"
	"lablab/plan"
	"lablab/say"
)

// The most that the text shows of each.
const (
	mostFindings = 5
	mostKinds    = 10
	mostPairs    = 10
)

// key returns what is said of a connection, apart from which one it is.
func (f Flow) key() string {
	return fmt.Sprint(f.Host, f.State, f.Course, f.Why, f.Doubts, f.Again, f.Others)
}

// A printer writes lines in a language.
type printer struct {
	strings.Builder
	*say.Language
}

func (p *printer) line(indent string, s say.Sentence) {
	fmt.Fprintln(&p.Builder, indent+say.Printable(s.In(p.Language)))
}

// Text writes the report for people: first whether to worry, and what to change.
func (r *Report) Text(to io.Writer, l *say.Language) error {
	p := &printer{Language: l}
	r.writeVerdict(p)
	r.writeSteps(p)
	r.writeOrders(p)
	r.writeFlows(p)
	r.writeProof(p)
	r.writeUnknown(p)
	_, err := io.WriteString(to, p.String())
	return err
}

// Brief writes only whether to worry, and the fates of the connections.
func (r *Report) Brief(to io.Writer, l *say.Language) error {
	p := &printer{Language: l}
	switch {
	case len(r.Flows) == 0:
		p.line("", say.F("no flow is up"))
	case len(r.Findings) == 0:
		p.line("", r.verdict())
	}
	for _, f := range r.Findings {
		p.line("", f.said())
	}
	for _, f := range r.alikeFlows() {
		p.writeFlow(f)
	}
	_, err := io.WriteString(to, p.String())
	return err
}

func (r *Report) writeVerdict(p *printer) {
	of := say.As(r.File)
	if r.Tool != "" {
		of = say.F("%s, %s", r.File, r.Tool)
	}
	p.line("", say.F("%s: %s", of, say.N(len(r.Steps), "%d call", "%d calls")))
	if len(r.Findings) == 0 {
		p.line("", r.verdict())
	}
	list := r.alikeFindings()
	for i, f := range list[:min(mostFindings, len(list))] {
		p.line("", f.said())
		if f.more > 0 {
			p.line("  ", say.N(f.more, "and %d more of this kind", "and %d more of this kind"))
		}
		if f.Cure != "" && !slices.ContainsFunc(list[:i], func(o alikeFinding) bool { return o.CureText.String() == f.CureText.String() }) {
			p.line("  ", say.F("fix: %s", f.CureText))
		}
	}
	if more := len(list) - mostFindings; more > 0 {
		p.line("", say.N(more, "and %d more finding", "and %d more findings"))
	}
	p.line("", say.Sentence{})
}

func (r *Report) writeSteps(p *printer) {
	width := len(strconv.Itoa(len(r.Steps)))
	for _, s := range r.Steps {
		where := s.Resource
		if s.Line > 0 {
			where = say.F("line %d", s.Line).In(p.Language)
		}
		fmt.Fprintln(&p.Builder, strings.TrimRight(fmt.Sprintf("  %*d  %-31s %s", width, s.Number, s.Call, say.Printable(where)), " "))
		p.line("       ", s.Does)
		switch s.Result {
		case plan.Failed:
			p.line("       ", say.F("FAILS: %s", s.err))
		case plan.Skipped:
			p.line("       ", say.F("not made: an earlier call fails"))
		case plan.Doubted:
			p.line("       ", say.F("effect unknown: %s", s.err))
		case plan.Done:
		}
	}
}

func (r *Report) writeOrders(p *printer) {
	for _, pair := range r.Either[:min(mostPairs, len(r.Either))] {
		p.line("", say.F("Calls %d and %d: either may come first.", pair[0], pair[1]))
	}
	if more := len(r.Either) - mostPairs; more > 0 {
		p.line("", say.N(more, "and %d more such pair", "and %d more such pairs"))
	}
	r.writeLost(p, "", r.Lost)
	for _, o := range r.Otherwise[:min(mostPairs, len(r.Otherwise))] {
		if len(o.Failed) == 0 {
			p.line("", say.F("If call %d comes before call %d, no call fails.", o.First, o.Second))
		} else {
			p.line("", say.F("If call %d comes before call %d, EC2 rejects: %s", o.First, o.Second, numbers(o.Failed)))
		}
		r.writeLost(p, "  ", o.Lost)
	}
}

func (r *Report) writeLost(p *printer, indent string, lost []Loss) {
	for _, m := range lost[:min(mostPairs, len(lost))] {
		p.line(indent, say.F("Missing at the end: %s %s in group %s (%s)", m.Direction, m.Rule, m.Group, m.Resource))
	}
}

func (r *Report) writeFlows(p *printer) {
	if len(r.Flows) == 0 {
		return
	}
	p.line("", say.Sentence{})
	for _, s := range r.Sources {
		p.line("", s.said())
	}
	list := r.alikeFlows()
	for _, f := range list[:min(mostKinds, len(list))] {
		p.writeFlow(f)
	}
	if more := len(list) - mostKinds; more > 0 {
		p.line("  ", say.N(more, "and connections of %d more kind", "and connections of %d more kinds"))
	}
}

func (p *printer) writeFlow(f alikeFlow) {
	flow := say.As(f.Flow.Flow)
	if f.more > 0 {
		flow = say.F("%s and %d more", flow, f.more)
	}
	switch f.State {
	case "new":
		p.line("  ", say.F("%s, new: %s", flow, f.Course.said()))
	case "rejected":
		p.line("  ", say.F("%s, dropped so far: %s", flow, f.Course.said()))
	default:
		p.line("  ", say.F("%s: %s", flow, f.Course.said()))
	}
	p.line("    ", f.Why)
	if again := f.Again.Fate; f.State == "up" && again != fate.Allowed && again != fate.NewlyRefused && f.Fate != fate.NotJudged {
		p.line("    ", say.F("a new one: %s", f.Again.surely()))
	}
	for _, o := range f.Others[:min(3, len(f.Others))] {
		if f.State == "up" {
			p.line("    ", say.F("if call %d comes before call %d: %s; a new one: %s", o.First, o.Second, o.Course.surely(), o.Again.surely()))
		} else {
			p.line("    ", say.F("if call %d comes before call %d: %s", o.First, o.Second, o.Course.surely()))
		}
	}
	for _, d := range f.Doubts {
		p.line("    ", say.F("not certain: %s", d))
	}
}

func (r *Report) writeProof(p *printer) {
	switch proof := r.Proof; {
	case proof == nil || len(r.Flows) == 0:
	case !proof.Reason.Empty():
		p.line("", say.F("Predicted, not proved: %s", proof.Reason))
	case proof.Disagreements > 0:
		p.line("", say.F("%s DISAGREES with the prediction in %s: please report it", proof.Kernel, say.N(proof.Disagreements, "%d case", "%d cases")))
		for _, d := range proof.Differences {
			p.line("  ", d)
		}
	default:
		p.line("", say.F("Proved on %s: %s, in %s", proof.Kernel, say.N(proof.Fates, "%d fate", "%d fates"), say.N(proof.Orders, "%d order", "%d orders")))
	}
	if proof := r.Proof; proof != nil && proof.Unjudged > 0 {
		p.line("", say.F("Not proved: %s, since this machine was too busy", say.N(proof.Unjudged, "%d case", "%d cases")))
	}
}

func (r *Report) writeUnknown(p *printer) {
	for _, s := range r.Resources {
		for _, resolved := range s.Resolved {
			p.line("", say.F("Resolved: %s: %s", s.Address, resolved))
		}
		for _, u := range s.Unresolved {
			p.line("", say.F("Unresolved: %s: %s", u.Attribute, u.Reason))
			p.line("  ", say.F("to give it: --bind '%s=%s'", u.Attribute, cmp.Or(strings.Join(u.Candidates, " | "), "sg-…")))
		}
		if s.Use == plan.NotUnderstood {
			p.line("", say.F("Not understood: %s: %s", s.Address, s.Reason))
		}
	}
	if len(r.PartlyKnown) > 0 {
		p.line("", say.F("Known only as far as the change names it: %s", strings.Join(r.PartlyKnown, ", ")))
	}
	for _, s := range r.Sources {
		for _, n := range s.Notes {
			if s.File != "" {
				n = say.F("%s: %s", s.File, n)
			}
			p.line("", say.F("Note: %s", n))
		}
	}
	for _, n := range r.Notes {
		p.line("", say.F("Note: %s", n))
	}
}

// numbers joins numbers with commas.
func numbers(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}
