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

// A Problem is something wrong in a file, and where.
type Problem struct {
	File string
	Place
	Text say.Sentence
	// Hint is the way out, if one is known.
	Hint say.Sentence
	// Source is the line that it is about; empty if it is not to be shown.
	Source string
	// read is whether what is wrong was read all the same, as what was meant.
	read bool
}

// Problems is everything that is wrong in a scenario's file, sorted by place.
type Problems struct {
	File string
	List []Problem
	More int // how many others there are
}

// Error is a problem after the other, each with its line and a caret.
func (p *Problems) Error() string { return p.In(nil) }

// In is Error in a language.
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

// String is "file:line:column: what", the line itself, and a caret below the place.
func (p Problem) String() string { return p.In(nil) }

// In is String in a language.
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

// window is as much of the line as is read at a glance, and what of it stands
// before the place.
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

// visible is the text without what a terminal might obey.
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

// obeyed reports whether a terminal might do something else than show c.
func obeyed(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// complaints are the problems found so far in one file.
type complaints struct {
	file  string
	lines []string
	list  []Problem
}

// about adds a problem at a place of the file.
func (c *complaints) about(at Place, format string, args ...any) {
	c.told(at, say.Sentence{}, say.F(format, args...))
}

// hinted adds a problem with the way out, if one is known. What is at no place is
// not in the file, or could not be read: that has been told.
func (c *complaints) hinted(at Place, hint say.Sentence, format string, args ...any) {
	c.told(at, hint, say.F(format, args...))
}

func (c *complaints) told(at Place, hint, text say.Sentence) {
	if at.Line == 0 && len(c.list) > 0 {
		return
	}
	problem := Problem{File: c.file, Place: at, Text: text, Hint: hint}
	if at.Line >= 1 && at.Line <= len(c.lines) {
		problem.Source = c.lines[at.Line-1]
	}
	c.list = append(c.list, problem)
}

// error is nil, or all problems in order. Of very many the first are told.
func (c *complaints) error() error {
	if len(c.list) == 0 {
		return nil
	}
	if foreign := c.foreign(); len(foreign) > 0 {
		c.list = foreign // what else is wrong follows from it, or is told next
	}
	const most = 100
	slices.SortStableFunc(c.list, func(a, b Problem) int {
		ours := func(p Problem) int { return map[bool]int{true: 0, false: 1}[p.File == c.file] }
		return cmp.Or(cmp.Compare(ours(a), ours(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	list := slices.CompactFunc(c.list, func(a, b Problem) bool {
		return a.File == b.File && a.Place == b.Place && a.Text.String() == b.Text.String() && a.Hint.String() == b.Hint.String()
	})
	told := list[:min(len(list), most)]
	return &Problems{File: c.file, List: told, More: len(list) - len(told)}
}

// Count is how many there are.
func (p *Problems) Count() int { return len(p.List) + p.More }

// ProblemsOf are all that an error has, which may have joined those of many files.
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
