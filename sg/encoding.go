package sg

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"regexp"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"lablab/say"
)

// Plain returns a text as UTF-8 without byte order mark: it decompresses gzip, and decodes UTF-16
// and UTF-32, which PowerShell writes, if they begin with their marks.
func Plain(from io.Reader) (io.Reader, error) {
	b := bufio.NewReader(from)
	begins := func(mark string) bool {
		start, _ := b.Peek(len(mark))
		return string(start) == mark
	}
	if begins("\x1f\x8b") {
		text, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReader(text)
	}
	for _, e := range []struct {
		mark string
		as   encoding.Encoding
	}{
		{"\xff\xfe\x00\x00", utf32.UTF32(utf32.LittleEndian, utf32.ExpectBOM)},
		{"\x00\x00\xfe\xff", utf32.UTF32(utf32.BigEndian, utf32.ExpectBOM)},
		{"\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)},
		{"\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM)},
		{"\ufeff", unicode.UTF8BOM},
	} {
		if begins(e.mark) {
			return e.as.NewDecoder().Reader(b), nil
		}
	}
	return b, nil
}

var (
	startOfTable = regexp.MustCompile(`^\s*(-{4,}|\+-{2,}|\|)`)
	startOfText  = regexp.MustCompile(`^\s*[A-Z][A-Z0-9]*\t`)
	startOfYAML  = regexp.MustCompile(`^\s*(#|---\s|- |["']?[A-Za-z]\w*["']?:(\s|$))`)
	ofEC2        = regexp.MustCompile(`(?m)^["']?(` + kindNames("|") + `)["']?:(\s|$)`)
)

// Described reports whether a text looks like the output of aws ec2 in any of its formats, rather
// than like a scenario. The text is plain.
func Described(plain []byte) bool {
	start := bytes.TrimSpace(plain)
	if bytes.HasPrefix(start, []byte("[")) || startOfTable.Match(start) && !startOfYAML.Match(start) || startOfText.Match(start) {
		return true
	}
	if !bytes.HasPrefix(start, []byte("{")) {
		return bytes.HasPrefix(start, []byte("- ")) || ofEC2.Match(start)
	}
	r := &reader{text: start}
	values, err := r.json()
	if err != nil {
		return false
	}
	for _, k := range kinds() {
		if len(values) > 0 && (values[0].member(k.member) != nil || k.element(values[0])) {
			return true
		}
	}
	return false
}

// values reads the text in whatever format aws ec2 prints.
func (r *reader) values() ([]*node, error) {
	start := bytes.TrimSpace(r.text)
	hint := say.F("add --output json to the aws ec2 command")
	switch {
	case len(start) == 0:
		return nil, r.failAt(0, "the file is empty")
	case start[0] == '{' || start[0] == '[':
		return r.json()
	case startOfText.Match(start):
		return nil, r.hinted(hint, "this is the AWS CLI's output as text, which lacks the names of the values")
	case startOfYAML.Match(start):
		return r.yaml()
	case startOfTable.Match(start):
		return nil, r.hinted(hint, "this is the AWS CLI's output as a table")
	}
	return nil, r.hinted(hint, "this is neither JSON nor YAML as aws ec2 prints it")
}

// hinted is failAt for the whole file, with a hint.
func (r *reader) hinted(hint say.Sentence, format string, args ...any) error {
	return &FileError{File: r.file, Line: 1, Column: 1, Message: say.F(format, args...), Hint: hint}
}
