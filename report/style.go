package report

import (
	"os"

	"github.com/charmbracelet/colorprofile"
)

// Sequences of ECMA-48 "select graphic rendition". They are always written; where
// colour is not wanted, the writer takes them out again.
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

// Colour returns a writer to f that keeps colours or takes them out. When asks
// for "always", "never" or "auto"; then NO_COLOR (no-color.org) and FORCE_COLOR
// decide, and after them whether f is a terminal.
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
	return &colorprofile.Writer{Forward: f, Profile: profile}
}

// A mark stands for one packet. Its shape tells the outcome; the colour only helps.
type mark struct {
	shape, style string
}

func markOf(o Outcome) mark {
	switch o {
	case Replied:
		return mark{"✓", green}
	case Refused:
		return mark{"✗", red}
	case Late:
		return mark{"~", yellow}
	case Unsent:
		return mark{"!", yellow}
	case Stalled:
		return mark{"=", yellow}
	case Reset:
		return mark{"R", red}
	case Lost:
		return mark{"?", yellow}
	}
	return mark{"·", dim}
}
