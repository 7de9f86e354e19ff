package say

import (
	"strings"
	"unicode"
)

// Printable returns s with invisible characters made harmless: control characters, except line
// ends, and those that change the direction of the text. A name in a record may be anything.
func Printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}
