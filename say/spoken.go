package say

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/width"
)

// spoken is an argument that has been rendered in a language. Padding to a width counts columns as
// a terminal shows them: Japanese characters take two.
type spoken string

// Format formats it for %s, %v and %q.
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
	_, _ = io.WriteString(f, text) // to fmt's own buffer
}

// Width returns how many columns a text takes on a terminal.
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
