package cli

import (
	"io/fs"
	"os"
	"time"

	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// A presenter shows a run while it is in progress and after it has ended. The run may be live or a
// replay.
type presenter struct {
	live     bool // write the text while the run is in progress
	text     *render.Text
	progress *render.Progress // or nil
	seen     []timeline.Event
	took     time.Duration // until the last event
	known    *report.Builder
	shown    int                  // number of experiments written
	between  bool                 // write between experiments; there is no progress to show
	pause    func(experiment int) // called before each experiment but the first; or nil
	patience time.Duration        // after which it says that the kernel takes long to build the lab; or 0
}

// newPresenter writes the text of a run to standard output if live is set, and shows progress on
// standard error unless quiet is set.
func newPresenter(env Env, live bool, colour string, quiet bool) *presenter {
	p := &presenter{live: live, text: newText(env, colour), known: report.NewBuilder()}
	if !quiet {
		p.progress = newProgress(env, live, colour)
	}
	return p
}

// newText writes for people to standard output.
func newText(env Env, colour string) *render.Text {
	return render.NewText(render.Colour(env.Stdout, colour, env.Getenv), render.Width(env.Stdout), env.Language)
}

// newProgress shows progress on standard error. It returns nil if progress would mix with the
// report.
func newProgress(env Env, text bool, colour string) *render.Progress {
	terminal := render.IsTerminal(env.Stderr) && env.Getenv("TERM") != "dumb"
	out, errOut := env.Stdout.Stat()
	other, errOther := env.Stderr.Stat()
	switch {
	case text && terminal && errOut == nil && out.Mode()&fs.ModeNamedPipe != 0:
		return nil // the reader of the pipe, such as less(1), may use the terminal
	case text && !terminal && errOut == nil && errOther == nil && os.SameFile(out, other):
		return nil // the report says the same in the same place
	}
	words := render.Colour(env.Stderr, colour, env.Getenv)
	if terminal {
		return render.NewProgress(words, say.Signs(env.Stderr, env.Getenv), func() (int, int) { return render.Size(env.Stderr) }, env.Language)
	}
	return render.NewProgress(words, nil, nil, env.Language)
}

// present follows the events to their end and returns the result of the run. The main goroutine is
// bound to its thread, which is slow to wake up; so another goroutine receives the events.
func (p *presenter) present(events <-chan timeline.Event) (r render.Result, err error) {
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		r, err = p.follow(events)
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return r, err
}

func (p *presenter) follow(events <-chan timeline.Event) (render.Result, error) {
	redraw := time.NewTicker(50 * time.Millisecond)
	defer redraw.Stop()
	slow := time.NewTimer(p.patience)
	defer slow.Stop()
	if p.patience == 0 {
		slow.Stop()
	}
	for {
		select {
		case e, more := <-events:
			if !more {
				p.clear()
				return render.Result{Report: p.known.Report(), Took: p.took, Timeline: p.seen}, nil
			}
			p.seen, p.took = append(p.seen, e), e.At
			p.known.Add(e)
			if _, ready := e.Body.(timeline.Ready); ready {
				slow.Stop()
			}
			if begun, ok := e.Body.(timeline.ExperimentBegun); ok && begun.Number > 1 && p.pause != nil {
				p.pause(begun.Number)
			}
			if p.progress != nil {
				p.progress.Add(e)
			}
			if err := p.step(e); err != nil {
				return render.Result{}, err
			}
		case <-slow.C:
			if p.progress != nil {
				p.progress.Slow()
			}
		case <-redraw.C:
			if p.progress != nil && !p.between {
				p.progress.Draw()
			}
		}
	}
}

// step writes whatever is complete after e.
func (p *presenter) step(e timeline.Event) error {
	switch body := e.Body.(type) {
	case timeline.ExperimentBegun:
		p.between = false
	case timeline.Ready:
		if p.live {
			p.clear()
			return p.text.Lab(p.known.Report())
		}
	case timeline.ExperimentEnded:
		p.between = true
		if p.live {
			p.clear()
			p.shown = body.Number
			return p.text.Experiment(p.known.Report(), body.Number)
		}
	}
	return nil
}

// clear removes the progress from the terminal.
func (p *presenter) clear() {
	if p.progress != nil {
		p.progress.Clear()
	}
}

// conclude writes the conclusion. For a run that failed it writes nothing: the error explains the
// failure.
func (p *presenter) conclude(r render.Result) error {
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
