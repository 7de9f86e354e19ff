package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"lablab/render"
	"lablab/say"
	"lablab/timeline"
)

// outputFlags say which reports to write, and where.
type outputFlags struct {
	format, colour string
	output         string   // instead of standard output
	reports        []string // FORMAT=FILE
}

func (f *outputFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "format", "text", "output format: "+strings.Join(formats(), ", "))
	flags.StringVarP(&f.output, "output", "o", "", "write the output to `FILE`, overwriting it")
	flags.StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	flags.StringArrayVar(&f.reports, "report", nil, "also write a report to a file: `FORMAT=FILE`; may be repeated")
}

// check finds errors in the flags before anything is built.
func (f *outputFlags) check() error {
	errs := []error{
		oneOf("--format", f.format, formats()...),
		oneOf("--color", f.colour, "auto", "always", "never"),
	}
	for _, r := range f.reports {
		format, file, found := strings.Cut(r, "=")
		if !found || file == "" || file == "-" {
			errs = append(errs, &usageError{say.Errorf("--report %q: want FORMAT=FILE", r), say.F("for example --report junit=FILE")})
			continue
		}
		errs = append(errs, oneOf("--report", format, formats()...))
	}
	return errors.Join(errs...)
}

// text reports whether standard output is text for people.
func (f *outputFlags) text() bool { return f.format == "text" }

// full reports whether some report needs the details of each packet.
func (f *outputFlags) full() bool {
	return slices.ContainsFunc([]string{"json", "cast", flowLogs}, f.writes) ||
		slices.ContainsFunc(f.reports, func(r string) bool { return strings.HasPrefix(r, "text=") })
}

// The outputs are the reports that a command writes when it ends.
type outputs struct {
	outputFlags
	env    Env              // its standard output is the file of --output
	files  []*wholeFile     // one for each of reports, and that of --output
	events []timeline.Event // of the only run, for the page
	// streamed is whether each run was written to standard output when it ended.
	streamed bool
}

// names returns the files of --report, and then that of --output.
func (f outputFlags) names() []string {
	var names []string
	for _, r := range f.reports {
		_, name, _ := strings.Cut(r, "=")
		names = append(names, name)
	}
	if f.output != "" {
		names = append(names, f.output)
	}
	return names
}

// open creates the files, so that a wrong name is reported before anything is built.
func (f outputFlags) open(env Env) (*outputs, error) {
	o := &outputs{outputFlags: f, env: env}
	for _, name := range f.names() {
		file, err := createWhole(env, name)
		if err != nil {
			o.close()
			return nil, &usageError{say.Errorf("create report: %w", err), say.F("choose a writable file")}
		}
		o.files = append(o.files, file)
	}
	if f.output != "" {
		o.env.Stdout = o.files[len(f.reports)].File
	}
	return o, nil
}

// close drops the files, unless they are complete.
func (o *outputs) close() {
	for i, file := range o.files {
		if file != nil {
			file.close()
			o.files[i] = nil
		}
	}
}

// write writes every report except text on standard output, which the caller writes while the run
// is in progress; err is the error of that. A file whose report cannot be written does not appear.
func (o *outputs) write(runs render.Runs, err error) error {
	defer o.close()
	if !o.text() && !o.streamed && err == nil {
		err = o.render(o.env.Stdout, runs, o.format)
	}
	errs := []error{err}
	for i, file := range o.files {
		if i < len(o.reports) {
			format, _, _ := strings.Cut(o.reports[i], "=")
			// A file is not a terminal: it has no colours, and is UTF-8 in every locale.
			unset := func(string) string { return "" }
			err = o.render(render.Colour(file.File, "never", unset), runs, format)
			errs = append(errs, err)
		} else {
			err = errs[0] // the file is standard output
		}
		if err == nil {
			errs = append(errs, file.complete())
			o.files[i] = nil
		}
	}
	return errors.Join(append(errs, o.github(runs))...)
}

// finish completes the file of --output, unless writing it ended with an error.
func (o *outputs) finish(err error) error {
	defer o.close()
	for i, file := range o.files {
		if err == nil {
			err, o.files[i] = file.complete(), nil
		}
	}
	return err
}

// render writes the runs in one of the formats.
func (o *outputs) render(w io.Writer, runs render.Runs, format string) error {
	if format == pageFormat {
		return writePage(w, o.env.Language, o.events, runs.Results[0].Report)
	}
	return runs.Write(w, format)
}

// github reports to GitHub Actions, if it runs this program: failures as annotations, and the
// report as the summary of the step.
func (o *outputs) github(runs render.Runs) error {
	if o.env.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if name := o.env.Getenv("GITHUB_STEP_SUMMARY"); name != "" {
		if err := appendSummary(name, runs); err != nil {
			_, _ = fmt.Fprintln(o.env.Stderr, o.env.Language.Sprintf("could not write the job summary: %s", oneLine(err.Error())))
		}
	}
	to := o.env.Stderr // the runner reads standard error too
	if o.text() || o.format == "markdown" {
		to = o.env.Stdout
	}
	return runs.Annotate(to, o.env.Getenv("GITHUB_WORKSPACE"))
}

// appendSummary appends the report to a step's summary, or only the verdicts if the report exceeds
// GitHub's limit.
func appendSummary(name string, runs render.Runs) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := runs.Write(&b, "markdown"); err != nil {
		return err
	}
	if about.Size()+int64(b.Len()) > render.SummarySize {
		b.Reset()
		if err := runs.Contents(&b); err != nil {
			return err
		}
	}
	_, err = f.Write(b.Bytes())
	return err
}
