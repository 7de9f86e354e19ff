package render

import (
	"os"

	"github.com/charmbracelet/colorprofile"

	"lablab/report"
	"lablab/say"
)

// ECMA-48 "select graphic rendition" sequences. They are always written; where colour is not
// wanted, the writer strips them.
const (
	plain  = "\x1b[0m"
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
)

func styled(style, text string) string {
	if style == plain {
		return text
	}
	return style + text + plain
}

// Colour returns a writer to f that keeps or strips colours, and whose signs fit the locale. Colours
// are decided by when ("always",
// "never" or "auto"), then by NO_COLOR (no-color.org) and FORCE_COLOR, and last by whether f is a
// terminal.
func Colour(f *os.File, when string, getenv func(string) string) *colorprofile.Writer {
	profile := colorprofile.NoTTY
	switch {
	case when == "always":
		profile = colorprofile.ANSI
	case when == "never" || getenv("NO_COLOR") != "":
	case getenv("FORCE_COLOR") != "" && getenv("FORCE_COLOR") != "0":
		profile = colorprofile.ANSI
	case getenv("TERM") != "dumb" && IsTerminal(f):
		profile = colorprofile.ANSI
	}
	return &colorprofile.Writer{Forward: say.Signs(f, getenv), Profile: profile}
}

// A mark stands for one packet. Its shape shows the outcome; the colour only helps.
type mark struct {
	shape, style string
}

var marks = map[report.Outcome]mark{
	report.Replied: {"✓", green},
	report.Refused: {"✗", red},
	report.Late:    {"~", yellow},
	report.Unsent:  {"!", yellow},
	report.Stalled: {"=", yellow},
	report.Reset:   {"R", red},
	report.Lost:    {"?", yellow},
}

func markOf(o report.Outcome) mark {
	if m, known := marks[o]; known {
		return m
	}
	return mark{"·", dim}
}

// Mark returns the sign for a packet with that outcome, and its style as an ECMA-48 sequence.
func Mark(o report.Outcome) (shape, style string) {
	m := markOf(o)
	return m.shape, m.style
}
