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

func markOf(o report.Outcome) mark {
	switch o {
	case report.Replied:
		return mark{"✓", green}
	case report.Refused:
		return mark{"✗", red}
	case report.Late:
		return mark{"~", yellow}
	case report.Unsent:
		return mark{"!", yellow}
	case report.Stalled:
		return mark{"=", yellow}
	case report.Reset:
		return mark{"R", red}
	case report.Lost:
		return mark{"?", yellow}
	}
	return mark{"·", dim}
}
