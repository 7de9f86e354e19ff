// Package view shows a lab live on a terminal: its hosts, rules, streams, conntrack entries and
// verdicts, and the keys that change it.
//
// It shows the timeline's events and the lab's answers to queries. It has no other access to
// the lab, and derives no verdicts itself.
package view

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"lablab/internal/control"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// A Lab answers the view's queries and runs the changes that its keys request. A *control.Client is
// a Lab.
type Lab interface {
	Status(ctx context.Context) (control.Status, error)
	Flows(ctx context.Context, host string) ([]control.Flow, error)
	Rules(ctx context.Context, host string) (control.Ruleset, error)
	Apply(ctx context.Context, changes ...sg.Change) (control.Effect, error)
	Cut(ctx context.Context, request control.CutRequest) (int, error)
	StartStream(ctx context.Context, start control.StreamStart) (string, error)
	StopStream(ctx context.Context, name string) error
}

// Options say what to show, and where.
type Options struct {
	Name    string // of the lab
	Lab     Lab
	Events  <-chan timeline.Event
	In, Out *os.File
	Getenv  func(string) string
	// Colourless removes the colours.
	Colourless bool
	// Flag follows "lablab exec" and the like in suggested commands, where the lab must be named.
	Flag string // " --name NAME", or empty
	// Language is the language of the view.
	Language *say.Language
}

// frames is the maximum number of frames per second. Events are taken in at the same rate.
const frames = 20

// Run shows the lab until the user quits or ctx ends. Then it restores the screen and returns the
// summary for the scrollback.
func Run(ctx context.Context, o Options) (*Summary, error) {
	options := []tea.ProgramOption{tea.WithInput(o.In), tea.WithOutput(terminal{o.Out, say.Signs(o.Out, o.Getenv)}), tea.WithFilter(sized), tea.WithFPS(frames), tea.WithoutSignalHandler()}
	if o.Colourless {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	p := tea.NewProgram(newModel(o), options...)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-ctx.Done()
		p.Quit()
	}()
	go feed(ctx, o.Events, p.Send)
	last, err := p.Run()
	if err != nil {
		return nil, say.Errorf("show the lab: %w", err)
	}
	return last.(*model).summary(), nil
}

// A terminal writes signs that fit the locale.
type terminal struct {
	*os.File
	signs io.Writer
}

func (t terminal) Write(b []byte) (int, error) { return t.signs.Write(b) }

// sized gives the usual size to a terminal that does not know its own, such as a serial console.
func sized(_ tea.Model, msg tea.Msg) tea.Msg {
	if size, ok := msg.(tea.WindowSizeMsg); ok && (size.Width == 0 || size.Height == 0) {
		return tea.WindowSizeMsg{Width: 80, Height: 24}
	}
	return msg
}

// feed sends events to the view, one batch per frame.
func feed(ctx context.Context, events <-chan timeline.Event, send func(tea.Msg)) {
	tick := time.NewTicker(time.Second / frames)
	defer tick.Stop()
	var waiting eventsMsg
	for {
		select {
		case e, more := <-events:
			if !more {
				send(waiting)
				return
			}
			waiting = append(waiting, e)
		case <-tick.C:
			if len(waiting) > 0 {
				send(waiting)
				waiting = nil
			}
		case <-ctx.Done():
			return
		}
	}
}

// A Summary is what a view leaves when it ends.
type Summary struct {
	lines    []line
	language *say.Language
}

// Write writes the summary, with styles.
func (s *Summary) Write(w io.Writer) error {
	for _, l := range s.lines {
		if _, err := fmt.Fprintln(w, l.in(s.language)); err != nil {
			return err
		}
	}
	return nil
}
