package say

import (
	"io"
	"strings"
)

// inASCII replaces the signs of lablab's own that are not in ASCII. Those that stand in a drawing
// keep their width.
var inASCII = strings.NewReplacer(
	"✓", "v", "✗", "x", "·", ".", "×", "x", "…", "~", "–", "-", "›", ">", "▸", ">", "▹", "-", "→", ">", "↑", "^", "↓", "v",
	"─", "-", "━", "=", "┄", ".", "≤", "<=", "µ", "u", "●", "#", "◐", "+", "○", "o",
)

// Signs returns a writer to w that replaces lablab's own signs if the user's locale has no UTF-8.
// Names keep their letters.
func Signs(w io.Writer, getenv func(string) string) io.Writer {
	if utf8(getenv) {
		return w
	}
	return asciiWriter{w}
}

type asciiWriter struct{ io.Writer }

func (w asciiWriter) Write(b []byte) (int, error) {
	if _, err := w.Writer.Write([]byte(inASCII.Replace(string(b)))); err != nil {
		return 0, err
	}
	return len(b), nil
}
