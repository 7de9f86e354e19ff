package cli

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"lablab/internal/web"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// pageFormat is the format that plays a run in a browser.
const pageFormat = "html"

// formats returns the names of all output formats of a run.
func formats() []string { return append(render.Formats(), pageFormat) }

// page reports whether a page is to be written.
func (f *outputFlags) page() bool {
	page := f.format == pageFormat
	for _, r := range f.reports {
		page = page || strings.HasPrefix(r, pageFormat+"=")
	}
	return page
}

// errManyPages says that one page cannot show several runs.
var errManyPages = &usageError{say.New("a page shows one run, but several were given"), say.F("make one page per record: lablab report RECORD --format html -o PAGE")}

// writePage writes the page of a run.
func writePage(w io.Writer, l *say.Language, events []timeline.Event, r *report.Report) error {
	return web.Page{Lang: l.Name(), Events: events, Report: r, Next: following(r)}.Write(w)
}

// following returns the scenario of the course that follows that of a run, if it is of the course.
func following(r *report.Report) web.Next {
	course := scenario.Builtins()
	i := slices.Index(course, r.Scenario)
	if r.File != "" || i < 0 || i == len(course)-1 {
		return web.Next{}
	}
	sc, _ := scenario.Builtin(course[i+1])
	return web.Next{Name: sc.Name, Question: sc.Question}
}

// openPage writes a page about a scenario to a file in the working directory, and prints its name.
func openPage(env Env, scenario string, write func(io.Writer) error) error {
	name := "lablab-" + scenario + ".html"
	if strings.ContainsAny(name, `/\`) {
		name = "lablab.html"
	}
	file, err := createWhole(env, name)
	if err != nil {
		return say.Errorf("create page: %w", err)
	}
	if err := write(file); err != nil {
		file.close()
		return err
	}
	if err := file.complete(); err != nil {
		return err
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return say.Errorf("name page: %w", err)
	}
	_, err = fmt.Fprintln(env.Stderr, env.Language.Sprintf("page: %s", &url.URL{Scheme: "file", Path: filepath.ToSlash(path)}))
	return err
}
