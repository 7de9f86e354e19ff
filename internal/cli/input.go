package cli

import (
	"io"
	"os"

	"lablab/sg"
)

// stdin is the argument that stands for standard input.
const stdin = "-"

// An input is a file that is read, or standard input.
type input struct {
	io.Reader
	file *os.File
	name string // for messages
}

// open opens a file, or standard input for "-". What it returns reads the text without compression
// and byte order mark, as UTF-8.
func open(name string) (input, error) {
	in := input{file: os.Stdin, name: "stdin"}
	var err error
	if name != stdin {
		if in.file, err = os.Open(name); err != nil {
			return in, err
		}
		in.name = name
	}
	if in.Reader, err = sg.Plain(in.file); err != nil {
		in.Close()
	}
	return in, err
}

// Close closes the file.
func (i input) Close() {
	if i.file != os.Stdin {
		_ = i.file.Close()
	}
}
