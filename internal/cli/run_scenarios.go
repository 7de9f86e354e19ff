package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"lablab/internal/web"
	"lablab/lab"
	"lablab/play"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/sim"
	"lablab/timeline"
)

// run runs scenarios on the target of the flags, and returns the exit code.
func run(env Env, f runFlags, args []string) (int, error) {
	if !f.simulated() {
		if err := needsKernel(); err != nil {
			return 0, err
		}
		// Before any file is read: a pipe can be read only once.
		if done, code, err := elsewhere(env, f.rootless); done {
			return code, err
		}
	}
	f, err := f.sharded(env)
	if err != nil {
		return 0, err
	}
	scenarios, many, err := f.scenarios(env, args)
	if err != nil {
		return 0, writeProblems(env, err)
	}
	if many && (f.page() || f.show) {
		return 0, errManyPages
	}
	if err := distinct(f.written(scenarios, many), f.read(scenarios)); err != nil {
		return 0, err
	}
	var left []sg.Finding
	for _, sc := range scenarios {
		left = append(left, sc.LeftOut...)
	}
	writeLeftOut(env, left)
	ctx, cancel := env.interruptible()
	defer cancel()
	if !f.simulated() {
		if err := checkRulesets(ctx, scenarios); err != nil {
			return 0, writeProblems(env, err)
		}
	}
	out, err := f.open(env)
	if err != nil {
		return 0, err
	}
	defer out.close()
	if many {
		return runMany(ctx, env, f, scenarios, out)
	}
	return runOne(ctx, env, f, scenarios[0], out)
}

// written returns the files that running scenarios writes.
func (f runFlags) written(scenarios []*scenario.Scenario, many bool) []string {
	written := f.names()
	switch {
	case f.record == "":
	case many:
		for _, name := range recordNames(scenarios) {
			written = append(written, filepath.Join(f.record, name))
		}
	default:
		written = append(written, f.record)
	}
	return written
}

// read returns the files that were read for scenarios.
func (f runFlags) read(scenarios []*scenario.Scenario) []string {
	read := slices.Concat(f.interfaces, f.prefixLists)
	if f.groups != "" {
		read = append(read, f.groups)
	}
	for _, sc := range scenarios {
		read = append(read, sc.GroupFiles...)
		for _, h := range sc.Hosts {
			if h.Ruleset != nil {
				read = append(read, h.Ruleset.File)
			}
		}
		if sc.File != "" {
			read = append(read, sc.File)
		}
	}
	return read
}

// play runs one scenario.
func (f runFlags) play(ctx context.Context, sc *scenario.Scenario, log *timeline.Log) error {
	target := f.onKernel(sc)
	if f.simulated() {
		target = sim.Target{Interval: sc.Interval, Version: version()}
	}
	return play.Run(ctx, target, sc, log)
}

// affords returns an error if the machine cannot hold that many labs at a time.
func (f runFlags) affords(labs, hosts int) error {
	if f.simulated() {
		return nil
	}
	return affords(labs, hosts)
}

// runOne shows a scenario while it runs, and returns the exit code.
func runOne(ctx context.Context, env Env, f runFlags, sc *scenario.Scenario, out *outputs) (int, error) {
	if err := f.affords(1, len(sc.Hosts)); err != nil {
		return 0, err
	}
	record, err := createRecord(env, f.record)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := timeline.NewLog()
	recorded := make(chan error, 1)
	go func() { recorded <- record.write(log.Subscribe(context.Background())) }()
	played := make(chan error, 1)
	go func() { played <- f.play(ctx, sc, log) }()
	watching, leave := context.WithCancel(context.Background())
	defer leave()
	p := newPresenter(out.env, f.text(), f.colour, f.quiet)
	p.patience = 10 * time.Second
	r, err := p.present(log.Subscribe(watching))
	if err != nil {
		cancel() // the remaining output could not be written
		_, _ = <-played, <-recorded
		return 0, &brokenError{err, say.F("the run was stopped")}
	}
	out.events = log.Events()
	if err := out.write(render.Runs{Results: []render.Result{r}, Language: env.Language}, p.conclude(r)); err != nil {
		_, _ = <-played, <-recorded
		return 0, &brokenError{err, done(r.Conclusion())}
	}
	if err := errors.Join(<-played, <-recorded); err != nil || ctx.Err() != nil {
		return 0, failure(ctx, err)
	}
	if f.show {
		page := web.Page{Lang: env.Language.Name(), Events: log.Events(), Report: r.Report}
		if err := openPage(env, r.Scenario, page.Write); err != nil {
			return 0, broken(err)
		}
	}
	switch {
	case r.Held:
		return exitHeld, nil
	case r.Verdict() == report.NotJudged:
		return exitUnknown, nil
	}
	return exitNotHeld, nil
}

// runMany runs several scenarios in parallel, and returns the exit code of the worst.
func runMany(ctx context.Context, env Env, f runFlags, scenarios []*scenario.Scenario, out *outputs) (int, error) {
	hosts := 0
	for _, sc := range scenarios {
		hosts = max(hosts, len(sc.Hosts))
	}
	if err := f.affords(min(f.jobs, len(scenarios)), hosts); err != nil {
		return 0, err
	}
	if f.record != "" {
		if err := makeOwned(env, f.record); err != nil {
			return 0, &usageError{say.Errorf("create records: %w", err), say.F("choose a writable directory")}
		}
	}
	names := recordNames(scenarios)
	text := newText(out.env, f.colour)
	lines := text
	if !f.text() {
		lines = render.NewText(render.Colour(env.Stderr, f.colour, env.Getenv), render.Width(env.Stderr), env.Language)
	}
	b := &batch{jobs: f.jobs, slim: !f.full()}
	b.play = func(ctx context.Context, i int, sc *scenario.Scenario, log *timeline.Log) error {
		if f.record == "" {
			return f.play(ctx, sc, log)
		}
		return f.playRecorded(ctx, env, filepath.Join(f.record, names[i]), sc, log)
	}
	out.streamed = f.format == "jsonl"
	b.ended = func(r render.Result) error {
		switch {
		case f.text():
			return lines.Line(r)
		case !f.quiet:
			_ = lines.Line(r) // a failed progress line does not stop the runs
		}
		if out.streamed {
			return r.JSONLine(out.env.Stdout)
		}
		return nil
	}
	b.drop = out.streamed && len(f.reports) == 0
	results, err := b.run(ctx, scenarios)
	runs := render.Runs{Results: results, Many: true, Language: env.Language}
	if err != nil && ctx.Err() == nil {
		return 0, &brokenError{err, done(runs.Sum())}
	}
	var written error
	if f.text() {
		written = text.Summary(runs)
	}
	if err := out.write(runs, written); err != nil {
		return 0, &brokenError{err, done(runs.Sum())}
	}
	switch {
	case ctx.Err() != nil:
		return 0, failure(ctx, nil)
	case b.refused != nil:
		return 0, b.refused
	}
	return worst(runs), nil
}

// playRecorded runs one scenario and writes its timeline to a file.
func (f runFlags) playRecorded(ctx context.Context, env Env, name string, sc *scenario.Scenario, log *timeline.Log) error {
	record, err := createRecord(env, name)
	if err != nil {
		return err
	}
	recorded := make(chan error, 1)
	go func() { recorded <- record.write(log.Subscribe(context.Background())) }()
	err = f.play(ctx, sc, log)
	return errors.Join(err, <-recorded)
}

// failure returns the error that is most helpful: a signal, something the machine lacks, or the
// internal error.
func failure(ctx context.Context, err error) error {
	var interrupted interrupt
	if errors.As(context.Cause(ctx), &interrupted) {
		return interrupted
	}
	var unable *lab.Unable
	var broken *brokenError
	switch {
	case errors.As(err, &unable):
		return unable
	case errors.As(err, &broken):
		return &brokenError{err, broken.hint}
	}
	return &brokenError{err: err}
}

// createRecord opens the file of --record, so that a wrong name is reported before anything is
// built. Without --record it returns nil.
func createRecord(env Env, name string) (*recordFile, error) {
	if name == "" {
		return nil, nil
	}
	if name == "-" {
		return nil, &usageError{say.New("--record needs a file, not -"), say.F("choose a writable file")}
	}
	file, err := openOwned(env, name)
	if err != nil {
		return nil, &usageError{say.Errorf("create record: %w", err), say.F("choose a writable file")}
	}
	return &recordFile{file: file}, nil
}
