package cli

import (
	"cmp"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lablab/enforce"
	"lablab/internal/web"
	"lablab/lab"
	"lablab/play"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sim"
)

// compareFlags are the flags of `lablab compare`.
type compareFlags struct {
	models   []string
	target   string
	format   string
	output   string
	colour   string
	show     bool
	interval time.Duration
	// allowExec is whether a scenario file may run programs.
	allowExec bool
}

func newCompare(env Env, code *int) *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare SCENARIO",
		Short: "Run a scenario under each enforcement model, side by side",
		Long: `Compare runs a scenario under several enforcement models, and shows in one table what
happens to each stream in each experiment, and what decides. A model is what a firewall
does to flows that are there when its rules change; lablab models lists them, and the
products that they stand for.

It compares the models that the scenario lists, or else all of them, side by side, each
in a lab of its own on this kernel. Where that is impossible, or with --target sim, it
simulates them.

Exit code 0: it was compared. 1: a prediction for a model that the scenario lists did
not hold. 2: the command line or the file is wrong. 3: this machine lacks a privilege or
kernel feature. 4: a run ended with an error.`,
		Example: `  lablab compare ping
  lablab compare ping --models aws,neutron,ovn,cilium,tailscale
  lablab compare mine.yaml --format markdown
  lablab compare ping --open`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			var err error
			*code, err = compare(env, f, args[0])
			return err
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.models, "models", nil, "only these `MODELS` or products, as in aws,cut-all,ovn")
	flags.StringVar(&f.target, "target", "auto", "where to run: auto (this kernel if possible), kernel, or sim, in memory")
	flags.StringVar(&f.format, "format", "text", "output format: text, json, markdown, html")
	flags.StringVarP(&f.output, "output", "o", "", "write the output to `FILE`, overwriting it")
	flags.BoolVar(&f.show, "open", false, "write a page that shows the table and plays each run to a file here and print its path; open it in a browser")
	flags.StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	flags.DurationVar(&f.interval, "interval", 10*time.Millisecond, "time between packets of a stream, at least 1ms, if the scenario does not say")
	flags.BoolVar(&f.allowExec, "allow-exec", false, "let the scenario file run programs of this machine (exec), with all that lablab may do")
	return c
}

// check finds errors in the flags.
func (f compareFlags) check() error {
	if f.interval < time.Millisecond {
		return &usageError{say.Errorf("--interval %s is too short", f.interval), say.F("the minimum is 1ms")}
	}
	for _, err := range []error{
		oneOf("--target", f.target, "auto", "kernel", "sim"), oneOf("--format", f.format, "text", "json", "markdown", pageFormat), oneOf("--color", f.colour, "auto", "always", "never"),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// compare runs a scenario under the models, and returns the exit code.
func compare(env Env, f compareFlags, name string) (int, error) {
	models, err := f.chosen()
	if err != nil {
		return 0, err
	}
	if done, code, err := f.choose(env); done || err != nil {
		return code, err
	}
	sc, err := f.load(name)
	if err != nil {
		return 0, writeProblems(env, err)
	}
	if f.output != "" {
		if err := distinct([]string{f.output}, runFlags{}.read([]*scenario.Scenario{sc})); err != nil {
			return 0, err
		}
	}
	if models == nil {
		models = modelsOf(sc)
	}
	jobs := runtime.GOMAXPROCS(0)
	if !f.simulated() {
		const most = 16 // labs at a time, which mostly wait
		jobs = min(len(models), most)
		if err := affords(jobs, len(sc.Hosts)); err != nil {
			return 0, err
		}
	}
	out, err := outputFlags{output: f.output}.open(env)
	if err != nil {
		return 0, err
	}
	defer out.close()
	ctx, cancel := env.interruptible()
	defer cancel()
	runs := play.Compare(ctx, sc, models, jobs, f.targetOf)
	if ctx.Err() != nil {
		return 0, failure(ctx, nil)
	}
	var under []render.Under
	var films []web.Page
	for _, run := range runs {
		var r *report.Report
		if run.Events != nil {
			r = report.Of(run.Events)
			film := web.Page{Events: run.Events, Report: r}
			if !predictedFor(sc, run.Model) {
				film.Report = r.WithoutPredictions()
			}
			films = append(films, film)
		}
		under = append(under, render.UnderOf(enforce.Notation(run.Model.Model), run.Model.Product, r, run.Err))
	}
	c := render.Compare(under, env.Language)
	page := web.ComparisonPage{Lang: env.Language.Name(), Comparison: c, Films: films}
	if err := out.finish(f.write(out.env, page)); err != nil {
		return 0, broken(err)
	}
	if f.show {
		if err := openPage(env, sc.Name+"-models", page.Write); err != nil {
			return 0, broken(err)
		}
	}
	if err := c.Failed(); err != nil {
		return 0, failure(ctx, err)
	}
	for i, u := range under {
		if !u.Held && slices.Contains(sc.Models, runs[i].Model) {
			return exitNotHeld, nil
		}
	}
	return exitHeld, nil
}

// predictedFor reports whether a scenario's predictions are for a model.
func predictedFor(sc *scenario.Scenario, m enforce.Choice) bool {
	if len(sc.Models) == 0 {
		return m.String() == enforce.Notation(enforce.Default())
	}
	return slices.ContainsFunc(sc.Models, func(o enforce.Choice) bool { return o.String() == m.String() })
}

// simulated reports whether nothing runs on a kernel.
func (f compareFlags) simulated() bool { return f.target == "sim" }

// choose replaces the target auto by one that is possible. If the command has run in another process,
// in a user namespace, done is true.
func (f *compareFlags) choose(env Env) (done bool, code int, err error) {
	if f.simulated() {
		return false, 0, nil
	}
	if err = needsKernel(); err == nil {
		done, code, err = elsewhere(env, "auto")
	}
	var unable *lab.Unable
	if f.target == "auto" && errors.As(err, &unable) {
		f.target = "sim"
		return false, 0, nil
	}
	return done, code, err
}

// load reads the scenario, and checks that the target can run it.
func (f compareFlags) load(name string) (*scenario.Scenario, error) {
	sc, err := loadOne(name)
	switch {
	case err != nil:
		return nil, err
	case f.simulated():
		return sc, sim.Check(sc)
	case !f.allowExec:
		err = noPrograms([]*scenario.Scenario{sc})
	}
	return sc.OnKernel(), err
}

// targetOf returns what builds the hosts of a scenario.
func (f compareFlags) targetOf(sc *scenario.Scenario) play.Target {
	its := *sc
	its.Interval = cmp.Or(sc.Interval, f.interval)
	if f.simulated() {
		return sim.Target{Interval: its.Interval, Version: version()}
	}
	return runFlags{}.onKernel(&its)
}

// modelsOf returns the models that a scenario lists, or all if it does not list several.
func modelsOf(sc *scenario.Scenario) (models []enforce.Choice) {
	if len(sc.Models) > 1 {
		return sc.Models
	}
	for _, m := range enforce.Models() {
		models = append(models, enforce.Choice{Model: m})
	}
	return models
}

// chosen returns the models of the flags, or nil.
func (f compareFlags) chosen() (models []enforce.Choice, err error) {
	for _, word := range f.models {
		m, err := modelOf("--models", strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(models, func(o enforce.Choice) bool { return o.String() == m.String() }) {
			return nil, &usageError{say.Errorf("--models: model %s is listed twice", m), say.F("list each model once")}
		}
		models = append(models, m)
	}
	return models, nil
}

func (f compareFlags) write(env Env, p web.ComparisonPage) error {
	switch f.format {
	case "json":
		return p.Comparison.JSON(env.Stdout)
	case "markdown":
		return p.Comparison.Markdown(env.Stdout)
	case pageFormat:
		return p.Write(env.Stdout)
	}
	return newText(env, f.colour).Compared(p.Comparison)
}
