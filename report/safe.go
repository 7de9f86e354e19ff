package report

import (
	"slices"
	"strings"
	"unicode"
)

// safe returns text for a terminal in which only our own styles and line ends act on the terminal:
// a record may come from anywhere, and a name in it may be anything.
func safe(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "\x1b") {
		ours := func(style string) bool { return strings.HasPrefix("\x1b"+part, style) }
		switch {
		case i == 0:
		case slices.ContainsFunc([]string{plain, bold, dim, red, green, yellow}, ours):
			b.WriteByte('\x1b')
		default:
			b.WriteRune(unicode.ReplacementChar)
		}
		b.WriteString(printable(part))
	}
	return b.String()
}

// printable returns s with invisible characters made harmless: control characters, except line
// ends, and those that change the direction of the text.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}
