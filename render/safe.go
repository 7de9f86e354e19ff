package render

import (
	"slices"
	"strings"

	"lablab/say"
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
			b.WriteString(say.Printable("\x1b"))
		}
		b.WriteString(say.Printable(part))
	}
	return say.Disarmed(b.String())
}
