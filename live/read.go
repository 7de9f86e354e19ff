package live

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"

	"lablab/say"
	"lablab/sg"
)

// known are the kinds of files, for hints.
var known = say.F("known: conntrack -L, ss -tan, VPC flow logs as text, and JSON Lines: {\"from\":…,\"to\":…,\"protocol\":\"tcp\",\"port\":443}")

// Read reads the flows of one file, as [Reader.Read] does.
func Read(file string, from io.Reader, o Options) (*Flows, error) {
	var r Reader
	if err := r.Read(file, from, o); err != nil {
		return nil, err
	}
	all, err := r.Flows()
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// A Reader reads several files. VPC flow logs, of which an account has many files, become one source.
type Reader struct {
	all  []*collector
	logs *flowLog
}

// Read reads a file. What kind it is, is seen from its content; it may be compressed with gzip. An error
// about the content is an [*sg.FileError]. Lines of other programs that cannot be read are counted in
// the notes, unless there are no others.
func (r *Reader) Read(file string, from io.Reader, o Options) error {
	plain, err := sg.Plain(from)
	if err != nil {
		return say.Errorf("read %s: %w", file, err)
	}
	const longest = 64 << 10 // bytes of a line
	lines := bufio.NewReaderSize(plain, longest)
	start, err := beginning(lines)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return say.Errorf("read %s: %w", file, err)
	}
	c := newCollector(file, o)
	if c.Kind, err = c.kindOf(start); err != nil {
		return err
	}
	switch c.Kind {
	case FlowLogs:
		if r.logs == nil {
			r.logs = &flowLog{collector: c}
		} else {
			r.logs.next(file, o)
		}
		if err := r.logs.read(lines); err != nil || r.logs.collector != c {
			return err
		}
	case Conntrack:
		err = c.lines(lines, c.conntrack)
	case ConntrackXML:
		err = c.xml(lines)
	case Sockets:
		err = c.sockets(lines)
	case Lines:
		err = c.lines(lines, c.ours)
	}
	r.all = append(r.all, c)
	return err
}

// Flows returns what was read, a source for each file or for all flow logs. The Reader must not be used
// again.
func (r *Reader) Flows() ([]*Flows, error) {
	if r.logs != nil {
		r.logs.conclude()
	}
	var all []*Flows
	for _, c := range r.all {
		flows, err := c.finish()
		if err != nil {
			return nil, err
		}
		all = append(all, flows)
	}
	return all, nil
}

// beginning returns the start of a file, up to the end of the first line that is not blank, if the
// reader's buffer can hold it.
func beginning(r *bufio.Reader) ([]byte, error) {
	for n := 1; ; n = r.Buffered() + 1 {
		start, err := r.Peek(min(n, r.Size()))
		text := bytes.TrimLeftFunc(start, unicode.IsSpace)
		if bytes.IndexByte(text, '\n') >= 0 || len(start) == r.Size() || errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
}

// kindOf returns the kind of a file that starts like that.
func (c *collector) kindOf(start []byte) (Kind, error) {
	first, _, _ := strings.Cut(string(start), "\n")
	switch has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(first, p) {
				return true
			}
		}
		return false
	}; {
	case len(start) == 0:
		return "", c.invalid(1, say.F("if there is no connection, leave the file out"), "the file is empty")
	case has("PAR1"):
		return "", c.invalid(1, say.F("convert it: duckdb -csv -c \"FROM 'FILE'\" > FILE.csv"), "this is Parquet")
	case bytes.IndexByte(start, 0) >= 0:
		return "", c.invalid(1, say.Sentence{}, "this is not text")
	case has("<?xml", "<conntrack", "<flow"):
		return ConntrackXML, nil
	case has("{") && bytes.Contains(start, []byte(`"events"`)):
		return "", c.invalid(1, say.F("take the messages out of it: add --query 'events[].[message]' --output text"), "this is the output of aws logs as JSON")
	case has("{") && (json.Valid([]byte(first)) || strings.Contains(first, `"protocol"`)): // not JSON over several lines
		return Lines, nil
	case isSummary(first), isConntrack(first):
		return Conntrack, nil
	case isSockets(first):
		return Sockets, nil
	}
	is, custom := isFlowLog(first)
	switch {
	case is, c.options.LogFormat != "":
		return FlowLogs, nil
	case custom:
		return "", c.invalid(1, say.F("give the format that the flow log was created with: --log-format '${version} ${srcaddr} …'"), "this is a VPC flow log in a format of its own, without the line that names its fields")
	}
	return "", c.invalid(1, known, "this is not a list of connections that lablab knows")
}

// invalid returns an error about a line.
func (c *collector) invalid(line int, hint say.Sentence, format string, args ...any) error {
	return &sg.FileError{File: c.file(), Line: line, Column: 1, Message: say.F(format, args...), Hint: hint}
}

// lines hands each line to a parser. A line that the parser rejects is counted; a last line without end
// is one that was cut off.
func (c *collector) lines(r *bufio.Reader, parse func(line string) error) error {
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			c.Lines++
		}
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if wrong := c.line(line, tooLong, err != nil, parse); wrong != nil {
			return wrong
		}
		if err != nil {
			return c.stopped(err)
		}
	}
}

// line hands a line to a parser, and returns an error if the rest should not be read.
func (c *collector) line(line []byte, tooLong, last bool, parse func(line string) error) error {
	text := string(bytes.TrimRightFunc(line, unicode.IsSpace))
	if text == "" {
		return nil
	}
	err := say.New("the line is too long")
	if !tooLong {
		err = parse(text)
	}
	var wrong *sg.FileError
	switch {
	case errors.As(err, &wrong):
		return err
	case err != nil && last:
		c.cutOff()
	case err != nil:
		c.fail(c.Lines, err)
	}
	return nil
}

// stopped returns the error that ended the file, if it is not its end. One that was cut off ends early.
func (c *collector) stopped(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		c.cutOff()
		return nil
	}
	return say.Errorf("read %s: %w", c.file(), err)
}
