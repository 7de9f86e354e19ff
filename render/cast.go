package render

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"

	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// Size of the terminal in a cast.
const castWidth, castHeight = 80, 24

// How long a cast rests for the viewer to read.
const (
	readLab        = 4 * time.Second
	readTitle      = 1500 * time.Millisecond
	readExperiment = 2 * time.Second
	readHeading    = time.Second
	readLine       = 250 * time.Millisecond
)

// A cast is under construction: the replay of runs on a terminal, as an asciicast of version 2
// (docs.asciinema.org/manual/asciicast/v2).
type cast struct {
	lines  *json.Encoder
	failed error
	text   *Text         // writes to screen
	screen bytes.Buffer  // next output for the terminal
	at     time.Duration // time in the cast
}

func (r Runs) cast(w io.Writer) error {
	c := &cast{lines: json.NewEncoder(w)}
	c.lines.SetEscapeHTML(false)
	c.text = NewText(&c.screen, castWidth, r.Language)
	c.line(r.castHeader())
	for i, result := range r.Results {
		if err := errors.Join(c.text.before(r, i), c.play(result)); err != nil {
			return err
		}
		c.scroll()
	}
	if len(r.Results) != 1 {
		if err := c.text.Summary(r); err != nil {
			return err
		}
		c.scroll()
	}
	if c.failed != nil {
		return say.Errorf("write report: %w", c.failed)
	}
	return nil
}

// A castHeader is the first line of a cast.
type castHeader struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Title     string            `json:"title"`
	Env       map[string]string `json:"env"`
}

func (r Runs) castHeader() castHeader {
	h := castHeader{
		Version: 2, Width: castWidth, Height: castHeight, Title: r.Sum().In(r.Language),
		Env: map[string]string{"TERM": "xterm-256color", "SHELL": "/bin/sh"},
	}
	if len(r.Results) == 1 {
		h.Title = cmp.Or(label(r.Language.Text(r.Results[0].Title)), "lablab")
	}
	if len(r.Results) > 0 && !r.Results[0].Started.IsZero() {
		h.Timestamp = r.Results[0].Started.Unix()
	}
	return h
}

// play replays a run and leaves its conclusion to be shown.
func (c *cast) play(r Result) error {
	p := player{
		cast: c, pace: paceOf(r.Timeline), shown: part{report: r.Report, text: c.text}, drawn: c.at,
		progress: NewProgress(&colorprofile.Writer{Profile: colorprofile.ANSI}, &c.screen, func() (int, int) { return castWidth, castHeight }, c.text.language),
	}
	last := time.Duration(0)
	for _, e := range r.Timeline {
		p.pass(p.pace.between(last, e.At))
		last = e.At
		p.progress.Add(e)
		if err := p.happened(e); err != nil {
			return err
		}
	}
	p.progress.Clear()
	return errors.Join(p.shown.upTo(math.MaxInt), c.text.Conclusion(r.Report))
}

// A player plays one run.
type player struct {
	*cast
	pace     pace
	progress *Progress
	shown    part
	drawn    time.Duration // when the experiment was last drawn
	drawing  bool          // an experiment is being drawn
}

// pass advances the time, and draws what has become visible meanwhile.
func (p *player) pass(d time.Duration) {
	if !p.shown.lab {
		return // the lab is built before the cast begins
	}
	until := p.at + d
	if due := max(p.at, p.drawn+p.pace.frame); p.drawing && due <= until {
		p.at, p.drawn = due, due
		p.progress.Draw()
		p.show()
	}
	p.at = until
}

// happened shows whatever e completes, and marks the turning points.
func (p *player) happened(e timeline.Event) (err error) {
	switch body := e.Body.(type) {
	case timeline.Ready:
		err = p.shown.upTo(0)
		p.show()
		p.at += readLab
	case timeline.ExperimentBegun:
		p.drawing = true
		p.progress.Draw()
		p.show()
		p.mark(title(body.Number, p.progress.now().Title).In(p.text.language))
		p.at += readTitle
	case timeline.ExperimentEnded:
		p.drawing = false
		p.progress.Clear()
		err = p.shown.upTo(body.Number)
		p.show()
		p.at += readExperiment
	default:
		if words := changed(body); !words.Empty() && e.Experiment > 0 {
			p.mark(words.In(p.text.language))
		}
	}
	return err
}

// A part is a report written so far: the lab, and the experiments before next.
type part struct {
	report *report.Report
	text   *Text
	lab    bool
	next   int
}

// upTo writes whatever is missing of the lab and of the experiments up to that number.
func (p *part) upTo(number int) error {
	if !p.lab {
		p.lab = true
		if err := p.text.Lab(p.report); err != nil {
			return err
		}
	}
	for ; p.next < len(p.report.Experiments) && p.report.Experiments[p.next].Number <= number; p.next++ {
		if x := p.report.Experiments[p.next]; x.Begun {
			if err := p.text.Experiment(p.report, x.Number); err != nil {
				return err
			}
		}
	}
	return nil
}

// show outputs the contents of the screen buffer.
func (c *cast) show() {
	if c.screen.Len() > 0 {
		c.event("o", strings.ReplaceAll(c.screen.String(), "\n", "\r\n"))
		c.screen.Reset()
	}
}

// scroll shows the buffer line by line, at reading pace, and rests at each heading.
func (c *cast) scroll() {
	lines := strings.SplitAfter(c.screen.String(), "\n")
	c.screen.Reset()
	for _, line := range lines {
		c.screen.WriteString(line)
		if line == "\n" {
			c.at += readHeading
			continue
		}
		c.show()
		c.at += readLine
	}
}

// mark adds a marker that a player can jump to.
func (c *cast) mark(words string) { c.event("m", label(words)) }

func (c *cast) event(code, text string) {
	c.line([]any{math.Round(c.at.Seconds()*1000) / 1000, code, text})
}

func (c *cast) line(v any) {
	if c.failed == nil {
		c.failed = c.lines.Encode(v)
	}
}

// label returns words from a record as one harmless line.
func label(words string) string { return say.Printable(strings.Join(strings.Fields(words), " ")) }
