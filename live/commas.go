package live

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// withoutCommas returns flow logs as text with blanks, if they are a table that was exported from
// Athena or from Parquet: its values are separated by commas, and the names have _ instead of -.
func withoutCommas(r *bufio.Reader) io.Reader {
	var before strings.Builder
	for {
		line, err := r.ReadString('\n')
		if strings.TrimSpace(line) == "" && err == nil {
			before.WriteString("\n")
			continue
		}
		table := strings.Contains(line, "srcaddr")
		if table {
			line = strings.ReplaceAll(line, "_", "-")
		}
		commas := table && strings.Contains(line, ",")
		if commas {
			line = string(blanks(nil, []byte(line)))
		}
		start := strings.NewReader(before.String() + line)
		switch {
		case err != nil:
			return io.MultiReader(start, failing{err})
		case commas:
			return io.MultiReader(start, &blanked{from: r})
		}
		return io.MultiReader(start, r)
	}
}

// A failing reader returns an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A blanked reader reads a table with blanks instead of commas.
type blanked struct {
	from *bufio.Reader
	text []byte // that was converted, but not yet read
	all  []byte
	err  error
}

func (b *blanked) Read(p []byte) (int, error) {
	for len(b.text) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		var line []byte
		line, b.err = b.from.ReadSlice('\n')
		if b.err == bufio.ErrBufferFull { //nolint:errorlint // as bufio returns it
			b.err = nil
		}
		if len(line) > 0 {
			b.all = blanks(b.all[:0], line)
			b.text = b.all
		}
	}
	n := copy(p, b.text)
	b.text = b.text[n:]
	return n, nil
}

// blanks appends a line with blanks instead of commas, and - for values that are empty.
func blanks(to, line []byte) []byte {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return append(to, '\n')
	}
	for i, value := range bytes.Split(line, []byte(",")) {
		if i > 0 {
			to = append(to, ' ')
		}
		if value = bytes.Trim(value, "\" "); len(value) == 0 {
			value = []byte("-")
		}
		to = append(to, value...)
	}
	return append(to, '\n')
}
