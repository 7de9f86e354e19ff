package sg

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"regexp"
	"slices"

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
		packed := &counter{from: b}
		text, err := gzip.NewReader(packed)
		if err != nil {
			return nil, err
		}
		b = bufio.NewReader(&unpacked{from: text, packed: packed})
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

// A counter counts what is read.
type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += int64(n)
	return n, err
}

// unpacked reads what a compressed file expands to, unless that is out of all proportion.
type unpacked struct {
	from   io.Reader
	packed *counter
	n      int64
}

func (u *unpacked) Read(b []byte) (int, error) {
	const usual = 40 // times; what aws ec2 prints shrinks to a fortieth at most
	n, err := u.from.Read(b)
	if u.n += int64(n); u.n > largest && u.n > usual*u.packed.n {
		return 0, say.Errorf("decompress: it expands to more than %d MB", largest>>20)
	}
	return n, err
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
	first, err := r.jsonText().shallow()
	return err == nil && slices.ContainsFunc(kinds(), func(k listKind) bool { return first.member(k.member) != nil || k.element(first) })
}

// shallow reads an object and the names of its members.
func (t *jsonText) shallow() (*node, error) {
	n := t.here()
	if _, err := t.tokens.Token(); err != nil {
		return nil, err
	}
	for t.tokens.More() {
		key, err := t.tokens.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := t.tokens.Decode(&value); err != nil {
			return nil, err
		}
		name, _ := key.(string)
		is := &node{kind: text}
		if string(value) == "null" {
			is.kind = null
		}
		if err := t.r.put(n, is, name, is); err != nil {
			return nil, err
		}
	}
	return n, nil
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
