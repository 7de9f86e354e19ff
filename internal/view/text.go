package view

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"lablab/say"
)

// ECMA-48 "select graphic rendition" sequences. Without colour, the terminal's driver removes the
// colours again; shapes and words carry the same information.
const (
	plain  = ""
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	struck = "\x1b[2;9m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	chosen = "\x1b[1;36m"
	reset  = "\x1b[0m"
)

// A span is text in one style.
type span struct {
	style string
	said  say.Sentence
}

// sign returns a span that is the same in all languages.
func sign(style, text string) span { return span{style, say.As(text)} }

// A line is one line of the screen. Text reaches the screen only as a line, so it is always made
// harmless.
type line []span

func words(style, format string, args ...any) line {
	return line{{style, say.F(format, args...)}}
}

func (l line) add(style, format string, args ...any) line {
	return append(l, span{style, say.F(format, args...)})
}

// width returns the columns that l occupies.
func (l line) width(language *say.Language) int {
	columns := 0
	for _, s := range l {
		columns += ansi.StringWidth(s.in(language))
	}
	return columns
}

// fit makes l exactly that many columns wide: it pads l, or cuts it with an ellipsis.
func (l line) fit(language *say.Language, columns int) line {
	for len(l) > 0 && l[len(l)-1].style == plain && strings.TrimRight(l[len(l)-1].in(language), " ") == "" {
		l = l[:len(l)-1]
	}
	var fitted line
	left := max(columns, 0)
	for i, s := range l {
		text := s.in(language)
		width := ansi.StringWidth(text)
		more := i < len(l)-1 && l[i+1:].width(language) > 0
		if width > left || width == left && more {
			text = ansi.Truncate(text+"……", left, "…")
			fitted = append(fitted, sign(s.style, text))
			left -= ansi.StringWidth(text)
			break
		}
		fitted = append(fitted, sign(s.style, text))
		left -= width
	}
	return append(fitted, sign(plain, strings.Repeat(" ", max(left, 0))))
}

// between returns a line of that many columns with l at its left end and right at its right end.
func (l line) between(language *say.Language, right line, columns int) line {
	return append(l.fit(language, columns-right.width(language)), right...).fit(language, columns)
}

// in returns the span in a language.
func (s span) in(language *say.Language) string { return say.Line(s.said.In(language)) }

// in returns the line in a language.
func (l line) in(language *say.Language) string {
	var b strings.Builder
	for _, s := range l {
		text := s.in(language)
		if s.style == plain {
			b.WriteString(text)
			continue
		}
		b.WriteString(s.style + text + reset)
	}
	return b.String()
}
