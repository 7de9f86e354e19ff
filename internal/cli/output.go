package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"lablab/report"
)

// outputFlags say which reports are written, and where.
type outputFlags struct {
	format, colour string
	reports        []string // FORMAT=FILE
}

func (f *outputFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "format", "text", "what is written to standard output: "+strings.Join(report.Formats(), ", "))
	flags.StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	flags.StringArrayVar(&f.reports, "report", nil, "write a report to a file besides: `FORMAT=FILE`; may be repeated")
}

// check finds what is wrong with the flags before anything is built.
func (f *outputFlags) check() error {
	errs := []error{
		oneOf("--format", f.format, report.Formats()...),
		oneOf("--color", f.colour, "auto", "always", "never"),
	}
	for _, r := range f.reports {
		format, file, found := strings.Cut(r, "=")
		if !found || file == "" || file == "-" {
			errs = append(errs, &usageError{fmt.Errorf("--report %q names no format and file", r), "write it as --report junit=FILE"})
			continue
		}
		errs = append(errs, oneOf("--report", format, report.Formats()...))
	}
	return errors.Join(errs...)
}

// text reports whether standard output is for people.
func (f *outputFlags) text() bool { return f.format == "text" }

// full reports whether some report tells of each packet.
func (f *outputFlags) full() bool {
	full := f.format == "json" || f.format == "cast"
	for _, r := range f.reports {
		full = full || strings.HasPrefix(r, "json=") || strings.HasPrefix(r, "text=") || strings.HasPrefix(r, "cast=")
	}
	return full
}

// outputs are the reports of a command, to be written when it ends.
type outputs struct {
	outputFlags
	env   Env
	files []*os.File // one for each of reports
}

// open makes the files, so that a wrong name is told before anything is built.
func (f outputFlags) open(env Env) (*outputs, error) {
	o := &outputs{outputFlags: f, env: env}
	for _, r := range f.reports {
		_, name, _ := strings.Cut(r, "=")
		file, err := openOwned(env, name)
		if err != nil {
			o.close()
			return nil, &usageError{fmt.Errorf("create report: %w", err), "name a file that can be written"}
		}
		o.files = append(o.files, file)
	}
	return o, nil
}

// close gives up files that nothing was written to.
func (o *outputs) close() {
	for _, file := range o.files {
		_ = file.Close()
	}
}

// write writes every report but the text on standard output, which who calls
// writes as the run goes on.
func (o *outputs) write(runs report.Runs) error {
	var errs []error
	for i, file := range o.files {
		format, _, _ := strings.Cut(o.reports[i], "=")
		// A file is no terminal: the writer takes the colours out.
		errs = append(errs, runs.Write(report.Colour(file, "never", o.env.Getenv), format), file.Close())
	}
	if !o.text() {
		errs = append(errs, runs.Write(o.env.Stdout, o.format))
	}
	return errors.Join(append(errs, o.github(runs))...)
}

// github tells GitHub, where this runs there: failures as annotations, and the
// report as the summary of the step.
func (o *outputs) github(runs report.Runs) error {
	if o.env.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if name := o.env.Getenv("GITHUB_STEP_SUMMARY"); name != "" {
		if err := appendSummary(name, runs); err != nil {
			_, _ = fmt.Fprintf(o.env.Stderr, "not written: the job summary: %s\n", oneLine(err.Error()))
		}
	}
	to := o.env.Stderr // the runner reads it too
	if o.text() || o.format == "markdown" {
		to = o.env.Stdout
	}
	return runs.Annotate(to, o.env.Getenv("GITHUB_WORKSPACE"))
}

// appendSummary appends the report to the summary of a step; the verdicts alone
// where GitHub would not take all.
func appendSummary(name string, runs report.Runs) error {
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
	if about.Size()+int64(b.Len()) > report.SummarySize {
		b.Reset()
		if err := runs.Contents(&b); err != nil {
			return err
		}
	}
	_, err = f.Write(b.Bytes())
	return err
}
