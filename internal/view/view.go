// Package view is the live view of a lab on a terminal: its hosts, rules, streams,
// conntrack entries and verdicts, and the keys that change it.
//
// What it shows is made of the timeline's events and of what the lab answers when it
// is asked. It has no way of its own into the lab, and it judges nothing.
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
	"lablab/timeline"
)

// A Lab is what the view asks, and what its keys change. A *control.Client is one.
type Lab interface {
	Status(ctx context.Context) (control.Status, error)
	Flows(ctx context.Context, host string) ([]control.Flow, error)
	Rules(ctx context.Context, host string) (control.Ruleset, error)
	Authorize(ctx context.Context, change control.RuleChange) (control.Effect, error)
	Revoke(ctx context.Context, change control.RuleChange) (control.Effect, error)
	Cut(ctx context.Context, request control.CutRequest) (int, error)
	StartStream(ctx context.Context, start control.StreamStart) (string, error)
	StopStream(ctx context.Context, name string) error
}

// Options say what is viewed, and where.
type Options struct {
	Name    string // of the lab
	Lab     Lab
	Events  <-chan timeline.Event
	In, Out *os.File
	// Colourless is whether colours are taken out.
	Colourless bool
	// Command is how another terminal's commands for this lab begin: "lablab exec%s",
	// with its flag --name where that is needed.
	Flag string // " --name NAME", or empty
	// Language is what the view is in.
	Language *say.Language
}

// Frames are drawn so many times a second at most; events are taken in as often.
const frames = 20

// Run shows the lab until somebody quits or ctx ends. Then the screen is as it was, and
// the summary is for its scrollback.
func Run(ctx context.Context, o Options) (*Summary, error) {
	options := []tea.ProgramOption{tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithFPS(frames), tea.WithoutSignalHandler()}
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

// feed gives the events to the view, all those of a frame at once.
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

// A Summary is what is left of a view when it is over.
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
