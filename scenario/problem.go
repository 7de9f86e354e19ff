package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"lablab/say"
)

// A Problem is a mistake in a file, and its place.
type Problem struct {
	File string
	Place
	Text say.Sentence
	// Hint is the fix, if one is known.
	Hint say.Sentence
	// Source is the line with the mistake; empty if it is not to be shown.
	Source string
	// read reports that the value was read anyway, as what was meant.
	read bool
}

// Problems are all mistakes in a scenario file, sorted by place.
type Problems struct {
	File string
	List []Problem
	More int // number of problems not listed
}

// Error returns one problem after the other, each with its line and a caret.
func (p *Problems) Error() string { return p.In(nil) }

// In returns Error in a language.
func (p *Problems) In(l *say.Language) string {
	var b strings.Builder
	for i, problem := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(problem.In(l))
	}
	if p.More > 0 {
		b.WriteString("\n" + l.Sprintf("and %d more", p.More))
	}
	return b.String()
}

// String returns "file:line:column: what", the line itself, and a caret below the place.
func (p Problem) String() string { return p.In(nil) }

// In returns String in a language.
func (p Problem) In(l *say.Language) string {
	s := fmt.Sprintf("%s:%d:%d: %s", visible(p.File), p.Line, p.Column, visible(p.Text.In(l)))
	if !p.Hint.Empty() {
		s += ": " + visible(p.Hint.In(l))
	}
	if p.Source == "" {
		return s
	}
	line, before := p.window()
	return fmt.Sprintf("%s\n    %s\n    %s^", s, line, strings.Repeat(" ", say.Width(before)))
}

// window returns as much of the line as can be read at a glance, and the part of that before the
// place.
func (p Problem) window() (line, before string) {
	const most, lead = 110, 60
	runes := []rune(p.Source)
	at := min(max(p.Column-1, 0), len(runes))
	from, to := 0, len(runes)
	if len(runes) > most {
		from = max(0, at-lead)
		to = min(len(runes), from+most)
	}
	ellipsis := func(cut bool) string {
		if cut {
			return "…"
		}
		return ""
	}
	before = ellipsis(from > 0) + visible(string(runes[from:at]))
	return before + visible(string(runes[at:to])) + ellipsis(to < len(runes)), before
}

// visible returns text without anything that a terminal might act on.
func visible(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\t':
			b.WriteByte(' ')
		case obeyed(c):
			fmt.Fprintf(&b, "\\u%04x", c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// obeyed reports whether a terminal might act on c instead of showing it.
func obeyed(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// complaints are the problems found so far in one file.
type complaints struct {
	file  string
	lines []string
	list  []Problem
	// groupless is whether the file needs no groups.
	groupless bool
}

// about adds a problem at a place in the file.
func (c *complaints) about(at Place, format string, args ...any) {
	c.report(at, say.Sentence{}, say.F(format, args...))
}

// hinted adds a problem and its fix, if one is known. A value without a place is not in the file or
// could not be read; that has been reported already.
func (c *complaints) hinted(at Place, hint say.Sentence, format string, args ...any) {
	c.report(at, hint, say.F(format, args...))
}

func (c *complaints) report(at Place, hint, text say.Sentence) {
	if at.Line == 0 && len(c.list) > 0 {
		return
	}
	problem := Problem{File: c.file, Place: at, Text: text, Hint: hint}
	if at.Line >= 1 && at.Line <= len(c.lines) {
		problem.Source = c.lines[at.Line-1]
	}
	c.list = append(c.list, problem)
}

// error returns nil, or all problems in order. If there are very many, it returns the first.
func (c *complaints) error() error {
	if len(c.list) == 0 {
		return nil
	}
	if lookalikes := c.lookalikes(); len(lookalikes) > 0 {
		c.list = lookalikes // the other problems follow from it, or are reported after it is fixed
	}
	const most = 100
	slices.SortStableFunc(c.list, func(a, b Problem) int {
		ours := func(p Problem) int { return map[bool]int{true: 0, false: 1}[p.File == c.file] }
		return cmp.Or(cmp.Compare(ours(a), ours(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	list := slices.CompactFunc(c.list, func(a, b Problem) bool {
		return a.File == b.File && a.Place == b.Place && a.Text.String() == b.Text.String() && a.Hint.String() == b.Hint.String()
	})
	shown := list[:min(len(list), most)]
	return &Problems{File: c.file, List: shown, More: len(list) - len(shown)}
}

// Count returns the number of problems.
func (p *Problems) Count() int { return len(p.List) + p.More }

// ProblemsOf returns all Problems in an error, which may join those of many files.
func ProblemsOf(err error) []*Problems {
	var one *Problems
	if joined, several := err.(interface{ Unwrap() []error }); several {
		var all []*Problems
		for _, e := range joined.Unwrap() {
			all = append(all, ProblemsOf(e)...)
		}
		return all
	}
	if errors.As(err, &one) {
		return []*Problems{one}
	}
	return nil
}
