package cli

import (
	"github.com/spf13/cobra"

	"lablab/internal/web"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

func newReport(env Env, code *int) *cobra.Command {
	var out outputFlags
	c := &cobra.Command{
		Use:   "report FILE...",
		Short: "Write the report of a recorded run",
		Long: `Report reads records of lablab run --record and writes the report in any format. The record
of an interrupted run is reported as far as it goes. Report needs no privileges and works
on any system.

With --format html it writes a page that plays the run like a video in any browser: one
self-contained file. A page is also a record: report and replay can read it.

Several records make one report: a list in JSON, one suite each in JUnit. The exit code
is that of the worst: 0 if every prediction held, 1 if one did not or a run was not
finished, 4 if a run ended with an error, 6 if a prediction was not judged.`,
		Example: `  lablab report run.jsonl
  lablab report run.jsonl --format html -o run.html
  lablab report --format junit run.jsonl > junit.xml
  lablab report --format markdown --report json=all.json records/*.jsonl`,
		Args: someRecords,
		RunE: func(_ *cobra.Command, names []string) (err error) {
			if err := out.check(); err != nil {
				return err
			}
			*code, err = rerender(env, out, names)
			return err
		},
	}
	out.add(c.Flags())
	return c
}

// rerender writes the reports of records.
func rerender(env Env, f outputFlags, names []string) (int, error) {
	runs := render.Runs{Many: len(names) > 1, Language: env.Language}
	if runs.Many && f.page() {
		return 0, errManyPages
	}
	if err := distinct(f.names(), names); err != nil {
		return 0, err
	}
	var last []timeline.Event
	for _, name := range names {
		events, err := readRecord(name)
		if err != nil {
			return 0, err
		}
		runs.Results = append(runs.Results, render.ResultOf(events))
		last = events
	}
	out, err := f.open(env)
	if err != nil {
		return 0, err
	}
	defer out.close()
	out.events = last
	if f.text() {
		err = newText(out.env, f.colour).Runs(runs)
	}
	if err := out.write(runs, err); err != nil {
		return 0, broken(err)
	}
	return worst(runs), nil
}

// worst returns the exit code of the worst run.
func worst(runs render.Runs) int {
	codes := map[int]bool{}
	for _, r := range runs.Results {
		switch r.Verdict() {
		case report.Held, report.Unpredicted:
		case report.Broken:
			codes[exitBroken] = true
		case report.NotJudged:
			codes[exitUnknown] = true
		default:
			codes[exitNotHeld] = true
		}
	}
	for _, code := range []int{exitBroken, exitNotHeld, exitUnknown} { // the worst first
		if codes[code] {
			return code
		}
	}
	return exitHeld
}

// readRecord reads the record of a run.
func readRecord(name string) ([]timeline.Event, error) {
	hint := say.F("name a file written by lablab run --record")
	f, err := open(name)
	if err != nil {
		return nil, &usageError{say.Errorf("read record: %w", err), toRead(name, err, hint)}
	}
	defer f.Close()
	name = f.name
	events, err := web.Read(f)
	if err != nil {
		return nil, &usageError{say.Errorf("%s: %w", name, err), hint}
	}
	if len(events) == 0 {
		return nil, &usageError{say.Errorf("%s: read record: the file is empty", name), hint}
	}
	if _, begins := events[0].Body.(timeline.Begun); !begins {
		return nil, &usageError{say.Errorf("%s: read record: it does not start at the beginning of a run", name), hint}
	}
	return events, nil
}

// someRecords refuses a command line without records.
func someRecords(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &usageError{say.New("no record given"), say.As("lablab run --record run.jsonl; lablab " + c.Name() + " run.jsonl")}
	}
	return nil
}
