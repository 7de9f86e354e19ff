package say

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/width"
)

// spoken is an argument that was told in a language. Where it is to fill so many
// columns, it is measured as a terminal shows it: Japanese letters take two.
type spoken string

// Format writes it for %s, %v and %q.
func (s spoken) Format(f fmt.State, verb rune) {
	text := string(s)
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	columns, _ := f.Width()
	fill := strings.Repeat(" ", max(columns-Width(text), 0))
	if f.Flag('-') {
		text += fill
	} else {
		text = fill + text
	}
	_, _ = io.WriteString(f, text) // of fmt's own buffer
}

// Width is how many columns a terminal shows a text in.
func Width(text string) int {
	n := 0
	for _, r := range text {
		n++
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			n++
		}
	}
	return n
}
