package cli

import (
	"io/fs"
	"os"
	"time"

	"lablab/report"
	"lablab/timeline"
)

// A presenter shows a run while it goes on and when it is over, whether it is
// played or replayed.
type presenter struct {
	live     bool // the text is written as the run goes on
	text     *report.Text
	progress *report.Progress // or nil
	seen     []timeline.Event
	shown    int                  // experiments written
	between  bool                 // experiments; there is no progress to show
	pause    func(experiment int) // before each but the first; or nil
}

// newPresenter writes the text of a run to standard output if it is live, and
// shows its progress on standard error unless it is to be quiet.
func newPresenter(env Env, live bool, colour string, quiet bool) *presenter {
	p := &presenter{live: live, text: newText(env, colour)}
	if !quiet {
		p.progress = newProgress(env, live, colour)
	}
	return p
}

// newText writes for people to standard output.
func newText(env Env, colour string) *report.Text {
	return report.NewText(report.Colour(env.Stdout, colour, env.Getenv), report.Width(env.Stdout), env.Language)
}

// newProgress is how the run is shown on standard error while it goes on, or nil
// where that would get into the way of the report.
func newProgress(env Env, text bool, colour string) *report.Progress {
	terminal := report.IsTerminal(env.Stderr) && env.Getenv("TERM") != "dumb"
	out, errOut := env.Stdout.Stat()
	other, errOther := env.Stderr.Stat()
	switch {
	case text && terminal && errOut == nil && out.Mode()&fs.ModeNamedPipe != 0:
		return nil // whoever reads the pipe, such as less(1), may use the terminal
	case text && !terminal && errOut == nil && errOther == nil && os.SameFile(out, other):
		return nil // the report tells the same, and arrives at the same place
	}
	words := report.Colour(env.Stderr, colour, env.Getenv)
	if terminal {
		return report.NewProgress(words, env.Stderr, func() (int, int) { return report.Size(env.Stderr) }, env.Language)
	}
	return report.NewProgress(words, nil, nil, env.Language)
}

// present follows the events to their end and returns what came of the run.
func (p *presenter) present(events <-chan timeline.Event) (report.Result, error) {
	redraw := time.NewTicker(50 * time.Millisecond)
	defer redraw.Stop()
	for {
		select {
		case e, more := <-events:
			if !more {
				p.clear()
				return report.ResultOf(p.seen), nil
			}
			p.seen = append(p.seen, e)
			if begun, ok := e.Body.(timeline.ExperimentBegun); ok && begun.Number > 1 && p.pause != nil {
				p.pause(begun.Number)
			}
			if p.progress != nil {
				p.progress.Add(e)
			}
			if err := p.step(e); err != nil {
				return report.Result{}, err
			}
		case <-redraw.C:
			if p.progress != nil && !p.between {
				p.progress.Draw()
			}
		}
	}
}

// step writes what is complete once e has happened.
func (p *presenter) step(e timeline.Event) error {
	switch body := e.Body.(type) {
	case timeline.ExperimentBegun:
		p.between = false
	case timeline.Ready:
		if p.live {
			p.clear()
			return p.text.Lab(report.Of(p.seen))
		}
	case timeline.ExperimentEnded:
		p.between = true
		if p.live {
			p.clear()
			p.shown = body.Number
			return p.text.Experiment(report.Of(p.seen), body.Number)
		}
	}
	return nil
}

// clear makes room on the terminal.
func (p *presenter) clear() {
	if p.progress != nil {
		p.progress.Clear()
	}
}

// conclude writes what is to be said at the end. Of a run that broke nothing
// more is said here: the error says it.
func (p *presenter) conclude(r report.Result) error {
	if !p.live || r.Failed != "" {
		return nil
	}
	if x := r.Experiment(p.shown + 1); x != nil && x.Begun {
		if err := p.text.Experiment(r.Report, x.Number); err != nil {
			return err
		}
	}
	return p.text.Conclusion(r.Report)
}
