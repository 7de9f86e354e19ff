package sg

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"lablab/say"
)

// A FileError says what is wrong in a file, and where.
type FileError struct {
	File         string
	Line, Column int // from 1; the column counts characters
	Message      say.Sentence
}

func (e *FileError) Error() string { return e.In(nil) }

// In returns Error in a language.
func (e *FileError) In(l *say.Language) string {
	return l.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// place returns the line and column of a byte offset.
func place(text []byte, offset int64) (line, column int) {
	before := text[:min(max(offset, 0), int64(len(text)))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// A path leads to a value in a JSON text: member names and element indexes.
type path []any

// with returns the path to a value inside the one at p.
func (p path) with(steps ...any) path { return append(slices.Clone(p), steps...) }

// offset returns where the value at p begins, or the innermost existing value on the way to it.
func (p path) offset(text []byte) int64 {
	d := json.NewDecoder(bytes.NewReader(text))
	found := int64(0)
	for _, step := range p {
		here, ok := descend(d, step)
		if !ok {
			break
		}
		found = here
	}
	// The decoder stops before the separator and the whitespace.
	for found < int64(len(text)) && bytes.IndexByte([]byte(" \t\r\n:,"), text[found]) >= 0 {
		found++
	}
	return found
}

// descend enters the next object or array, up to the requested member or element, and returns where
// that begins.
func descend(d *json.Decoder, step any) (offset int64, ok bool) {
	open, err := d.Token()
	if err != nil {
		return 0, false
	}
	for index := 0; d.More(); index++ {
		var at any = index
		if open == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return 0, false
			}
			at = name
		}
		offset = d.InputOffset()
		if at == step {
			return offset, true
		}
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return 0, false
		}
	}
	return 0, false
}
