package render

import (
	"os"

	"github.com/charmbracelet/x/term"
)

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(f.Fd()) }

// Size returns the size of f in columns and lines if it is a terminal, and 80 by 24 otherwise.
func Size(f *os.File) (width, height int) {
	if width, height, err := term.GetSize(f.Fd()); err == nil && width > 0 && height > 0 {
		return width, height
	}
	return 80, 24
}

// Width returns the width of f in columns if it is a terminal, and 80 otherwise.
func Width(f *os.File) int {
	width, _ := Size(f)
	return width
}
