package say

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Printable returns s for people: what a terminal, a browser or a CI system would obey or hide is
// shown instead. Characters that control a terminal, change the direction of the text or have no
// width become codes such as \u202e, line ends stay, and what GitHub or Azure would take for a
// command gets a backslash. A name in a record or the output of a program may be anything.
func Printable(s string) string {
	if strings.ContainsFunc(s, hidden) {
		var b strings.Builder
		for _, r := range s {
			switch {
			case r == '\n' || !hidden(r):
				b.WriteRune(r)
			case r > 0xffff:
				fmt.Fprintf(&b, `\U%08x`, r)
			default:
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		}
		s = b.String()
	}
	return Disarmed(strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// Line returns s as Printable does, and its line ends as codes too: a name of a file may have several
// lines.
func Line(s string) string { return strings.ReplaceAll(Printable(s), "\n", `\u000a`) }

// hidden reports whether r acts on a terminal, or is invisible, instead of appearing.
func hidden(r rune) bool {
	if r < 0x80 {
		return unicode.IsControl(r)
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// Commands in the log of a CI system: "::error::" at the start of a line, where GitHub's runner trims
// blanks, and "##[error]" or "##vso[…]" anywhere (actions/runner, src/Runner.Common/ActionCommand.cs).
// Our own styles may precede them, and may be removed later.
var (
	lineCommand = regexp.MustCompile(`(?m)^((?:[\s\p{Z}]|\x1b\[[0-9;]*m)*)(::[A-Za-z][\w-]*(?: .*)?::)`)
	markCommand = regexp.MustCompile(`(##\w*)\[`)
)

// Disarmed returns s in which nothing acts on a CI system that shows it in its log.
func Disarmed(s string) string {
	if strings.Contains(s, "::") {
		s = lineCommand.ReplaceAllString(s, `$1\$2`)
	}
	if strings.Contains(s, "##") {
		s = markCommand.ReplaceAllString(s, `$1\[`)
	}
	return s
}

// JSON returns a writer of JSON, for one or more whole values with each Write. What Printable would
// show is escaped, so that the values stay the same.
func JSON(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ io.Writer }

func (w jsonWriter) Write(b []byte) (int, error) {
	// Only strings contain such characters.
	s := string(b)
	if strings.ContainsFunc(s, hiddenInJSON) {
		var escaped strings.Builder
		for _, r := range s {
			if !hiddenInJSON(r) {
				escaped.WriteRune(r)
				continue
			}
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&escaped, `\u%04x`, unit)
			}
		}
		s = escaped.String()
	}
	if strings.Contains(s, "##") {
		s = markCommand.ReplaceAllString(s, `$1\u005b`)
	}
	if _, err := io.WriteString(w.Writer, s); err != nil {
		return 0, err
	}
	return len(b), nil
}

// hiddenInJSON is hidden, but for the white space between values.
func hiddenInJSON(r rune) bool { return r != '\n' && r != '\t' && r != '\r' && hidden(r) }
