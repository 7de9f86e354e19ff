package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"lablab/lab"
	"lablab/lab/ns"
	"lablab/report"
	"lablab/timeline"
)

// run plays the scenario, here or in a user namespace, and returns the
// exit code.
func run(env Env, f runFlags) (int, error) {
	// Before any file is read: a pipe can be read once only.
	if done, code, err := elsewhere(env, f.rootless); done {
		return code, err
	}
	sc, err := f.scenario()
	if err != nil {
		return 0, err
	}
	ctx, cancel := interruptible(env.Signals)
	defer cancel()

	record, err := createRecord(env, f.record)
	if err != nil {
		return 0, err
	}
	log := timeline.NewLog()
	recorded := make(chan error, 1)
	go func() { recorded <- record.write(log.Subscribe(context.Background())) }()
	played := make(chan error, 1)
	go func() {
		played <- lab.Run(ctx, sc, lab.Options{Interval: f.interval, Rootless: ns.IsRootless(), Version: version()}, log)
	}()
	r, err := newPresenter(env, f).present(log)
	if err != nil {
		cancel() // nobody can see the rest
		_, _ = <-played, <-recorded
		return 0, &brokenError{err: err}
	}
	if err := errors.Join(<-played, <-recorded); err != nil || ctx.Err() != nil {
		return 0, failure(ctx, err)
	}
	if !r.Held {
		return exitNotHeld, nil
	}
	return exitHeld, nil
}

// elsewhere lets another process do it in a user namespace, if that is wanted or
// needed. Then the command is done.
func elsewhere(env Env, rootless string) (done bool, code int, err error) {
	switch {
	case ns.IsRootless() && !ns.Powerful():
		// AppArmor lets us in here and takes all power away.
		return true, 0, lab.ExplainRootless(unix.EPERM)
	case !ns.IsRootless() && (rootless == "always" || rootless == "auto" && !ns.Powerful()):
		code, err := runRootless(env)
		return true, code, err
	}
	return false, 0, nil
}

// runRootless lets another process do it, in a user namespace.
func runRootless(env Env) (int, error) {
	twin, err := ns.Rootless()
	if err != nil {
		return 0, lab.ExplainRootless(err)
	}
	code, err := twin.Wait(env.Signals)
	if err != nil {
		return 0, &brokenError{err: err}
	}
	return code, nil
}

// failure is the error that tells the person most: a signal, what the machine
// lacks, or that something broke.
func failure(ctx context.Context, err error) error {
	var interrupted interrupt
	if errors.As(context.Cause(ctx), &interrupted) {
		return interrupted
	}
	var unable *lab.Unable
	if errors.As(err, &unable) {
		return unable
	}
	return &brokenError{err: err}
}

// A presenter shows a run while it goes on and when it is over.
type presenter struct {
	f        runFlags
	text     *report.Text
	stdout   *os.File
	progress *report.Progress
}

func newPresenter(env Env, f runFlags) *presenter {
	p := &presenter{f: f, stdout: env.Stdout}
	p.text = report.NewText(report.Colour(env.Stdout, f.colour, env.Getenv), report.Width(env.Stdout))
	p.progress = newProgress(env, f)
	return p
}

// newProgress is how the run is shown on standard error while it goes on, or nil
// where that would get into the way of the report.
func newProgress(env Env, f runFlags) *report.Progress {
	terminal := report.IsTerminal(env.Stderr) && env.Getenv("TERM") != "dumb"
	text := f.format == "text"
	out, errOut := env.Stdout.Stat()
	other, errOther := env.Stderr.Stat()
	switch {
	case f.quiet:
		return nil
	case text && terminal && errOut == nil && out.Mode()&fs.ModeNamedPipe != 0:
		return nil // whoever reads the pipe, such as less(1), may use the terminal
	case text && !terminal && errOut == nil && errOther == nil && os.SameFile(out, other):
		return nil // the report tells the same, and arrives at the same place
	}
	words := report.Colour(env.Stderr, f.colour, env.Getenv)
	if terminal {
		return report.NewProgress(words, env.Stderr, func() (int, int) { return report.Size(env.Stderr) })
	}
	return report.NewProgress(words, nil, nil)
}

// present follows the log to its end and returns the report of the whole run.
func (p *presenter) present(log *timeline.Log) (*report.Report, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events := log.Subscribe(ctx)
	redraw := time.NewTicker(50 * time.Millisecond)
	defer redraw.Stop()
	shown := 0 // experiments written
	for {
		select {
		case e, more := <-events:
			if !more {
				r := report.Of(log.Events())
				return r, p.conclude(r, shown)
			}
			if p.progress != nil {
				p.progress.Add(e)
			}
			if err := p.step(e, log, &shown); err != nil {
				return nil, err
			}
		case <-redraw.C:
			if p.progress != nil {
				p.progress.Draw()
			}
		}
	}
}

// step writes what is complete once e has happened.
func (p *presenter) step(e timeline.Event, log *timeline.Log, shown *int) error {
	if p.f.format != "text" {
		return nil
	}
	switch body := e.Body.(type) {
	case timeline.Ready:
		return p.text.Lab(p.asOf(e, log))
	case timeline.ExperimentEnded:
		*shown = body.Number
		return p.text.Experiment(p.asOf(e, log), body.Number)
	}
	return nil
}

// asOf makes room on the terminal and explains the run as it was at e; more may
// have happened since.
func (p *presenter) asOf(e timeline.Event, log *timeline.Log) *report.Report {
	if p.progress != nil {
		p.progress.Clear()
	}
	return report.Of(log.Events()[:e.Seq])
}

// conclude writes what is to be said at the end. Of a run that broke nothing
// more is said here: the error says it.
func (p *presenter) conclude(r *report.Report, shown int) error {
	if p.progress != nil {
		p.progress.Clear()
	}
	if r.Failed != "" {
		return nil
	}
	if p.f.format == "json" {
		return report.JSON(p.stdout, r)
	}
	if x := r.Experiment(shown + 1); x != nil && x.Begun {
		if err := p.text.Experiment(r, x.Number); err != nil {
			return err
		}
	}
	return p.text.Conclusion(r)
}

// createRecord opens the file of --record, so that a wrong name is told before
// anything is built. Without one it returns nil.
func createRecord(env Env, name string) (*recordFile, error) {
	if name == "" {
		return nil, nil
	}
	if name == "-" {
		return nil, &usageError{errors.New("--record - is no file"), "name a file that can be written"}
	}
	file, err := openOwned(env, name)
	if err != nil {
		return nil, &usageError{fmt.Errorf("create record: %w", err), "name a file that can be written"}
	}
	return &recordFile{file}, nil
}
