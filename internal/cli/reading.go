package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"lablab/render"
	"lablab/say"
)

// A reading reads a file, and shows on a terminal how far it got, once that takes long.
type reading struct {
	from io.Reader
	name string
	size int64     // of the file; 0 if unknown
	to   io.Writer // nil to show nothing
	l    *say.Language
	now  func() time.Time

	n     int64     // bytes that were read
	next  time.Time // when to show it
	shown bool
}

// newReading shows the progress on standard error, if that is a terminal.
func newReading(env Env, file *os.File, name string) *reading {
	r := &reading{from: file, name: name, l: env.Language, now: time.Now}
	if render.IsTerminal(env.Stderr) && env.Getenv("TERM") != "dumb" {
		r.to = env.Stderr
	}
	if about, err := file.Stat(); err == nil && about.Mode().IsRegular() {
		r.size = about.Size()
	}
	return r
}

func (r *reading) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	r.n += int64(n)
	if r.to != nil {
		r.show()
	}
	return n, err
}

// show shows the progress, if a second has passed since it was shown.
func (r *reading) show() {
	now := r.now()
	switch {
	case r.next.IsZero(): // it has just begun
	case now.Before(r.next):
		return
	case r.size > 0:
		r.line(r.l.Sprintf("reading %s: %d %%", oneLine(r.name), min(100*r.n/r.size, 100)))
	default:
		r.line(r.l.Sprintf("reading %s: %d MB", oneLine(r.name), r.n/1_000_000))
	}
	r.next = now.Add(time.Second)
}

// end takes the progress away.
func (r *reading) end() {
	if r.shown {
		r.line("")
	}
}

// line replaces the line that the terminal shows.
func (r *reading) line(text string) {
	_, _ = fmt.Fprintf(r.to, "\r%s\x1b[K", text)
	r.shown = text != ""
}
