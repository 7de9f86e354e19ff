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

// In is Error in a language.
func (e *FileError) In(l *say.Language) string {
	return l.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// place is the line and the column of a byte.
func place(text []byte, offset int64) (line, column int) {
	before := text[:min(max(offset, 0), int64(len(text)))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// A path leads to a value in a JSON text: names of members and indexes of elements.
type path []any

// with is the path to something inside the value at p.
func (p path) with(steps ...any) path { return append(slices.Clone(p), steps...) }

// offset is where the value at p begins, or that of the innermost value on the
// way to it that exists.
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
	// What the decoder has read ends before the separator and the space.
	for found < int64(len(text)) && bytes.IndexByte([]byte(" \t\r\n:,"), text[found]) >= 0 {
		found++
	}
	return found
}

// descend goes into the object or list that comes next, to the member or element
// asked for, and returns where that begins.
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
