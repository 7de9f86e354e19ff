package sg

import (
	"bytes"
	"unicode/utf8"

	"lablab/say"
)

// A FileError says what is wrong in a file, and where.
type FileError struct {
	File         string
	Line, Column int // from 1; the column counts characters
	Message      say.Sentence
	Hint         say.Sentence // may be empty
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
