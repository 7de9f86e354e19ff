package flowlog

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"lablab/say"
)

// longest is the most bytes of a line. AWS's own have some hundreds.
const longest = 64 << 10

// A Reader reads the records of a flow log one by one. It keeps no line, so a log may be of any size.
type Reader struct {
	lines  *bufio.Reader
	format Format
	line   int
	values values
}

// NewReader reads plain text, a record in each line. A line of field names, as files in Amazon S3
// begin with, gives the format of the lines behind it. For logs without one, such as those of
// CloudWatch Logs, format is what the flow log was created with; its zero value is [Default]. A
// timestamp in front of a record, as exports of CloudWatch Logs have it, is passed over.
func NewReader(r io.Reader, format Format) *Reader {
	if len(format.fields) == 0 {
		format = Default()
	}
	return &Reader{lines: bufio.NewReaderSize(r, longest), format: format}
}

// A LineError says that a line is not a record. The lines behind it can still be read.
type LineError struct {
	Line int // counted from 1
	err  error
}

// Error returns the message, which has the line.
func (e *LineError) Error() string { return e.err.Error() }

// In returns the message in a language.
func (e *LineError) In(l *say.Language) string { return l.Error(e.err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.err }

// Line returns the number of the last line that was read.
func (r *Reader) Line() int { return r.line }

// Format returns the format of the last line that was read.
func (r *Reader) Format() Format { return r.format }

// Next returns the next record. Its error is io.EOF at the end, a [*LineError] for a line that is not
// a record, and otherwise that of reading, with the line that could not be read.
func (r *Reader) Next() (Record, error) {
	for {
		line, err := r.next()
		if err != nil {
			return Record{}, err
		}
		line = withoutTimestamp(line)
		word, _ := firstWord(line)
		if len(word) == 0 {
			continue
		}
		if _, header := numbers[string(word)]; header {
			r.format, _ = ParseHeader(string(line))
			continue
		}
		var record Record
		if err := r.values.parse(&record, r.format.fields, line); err != nil {
			return Record{}, r.broken(err)
		}
		return record, nil
	}
}

// next returns the next line, without its end.
func (r *Reader) next() ([]byte, error) {
	line, err := r.lines.ReadSlice('\n')
	if err == io.EOF && len(line) == 0 {
		return nil, io.EOF
	}
	r.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, r.skip()
	case err != nil && err != io.EOF:
		return nil, r.unread(err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// skip passes over the rest of a line that is too long, and returns the error.
func (r *Reader) skip() error {
	for {
		_, err := r.lines.ReadSlice('\n')
		switch {
		case err == nil, err == io.EOF:
			return r.broken(say.Errorf("a record has at most %d bytes", longest))
		case !errors.Is(err, bufio.ErrBufferFull):
			return r.unread(err)
		}
	}
}

func (r *Reader) unread(err error) error {
	return say.Errorf("read flow log: line %d: %w", r.line, err)
}

func (r *Reader) broken(err error) error {
	return &LineError{r.line, say.Errorf("read flow log: line %d: %w", r.line, err)}
}

// withoutTimestamp returns a line without the time in front of it: "2026-01-02T03:04:05.678Z 2 …".
func withoutTimestamp(line []byte) []byte {
	const date = len("2026-01-02T")
	if len(line) < date || line[4] != '-' || line[7] != '-' || line[10] != 'T' {
		return line
	}
	_, rest := firstWord(line)
	return rest
}

// firstWord returns the first word of a line and what follows it.
func firstWord(line []byte) (word, rest []byte) {
	begin := 0
	for begin < len(line) && (line[begin] == ' ' || line[begin] == '\t') {
		begin++
	}
	end := begin
	for end < len(line) && line[end] != ' ' && line[end] != '\t' {
		end++
	}
	return line[begin:end], line[end:]
}
