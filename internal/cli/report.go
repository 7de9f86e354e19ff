package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"lablab/internal/web"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

func newReport(env Env, code *int) *cobra.Command {
	var out outputFlags
	var logs flowLogFlags
	var lab string
	c := &cobra.Command{
		Use:   "report FILE...",
		Short: "Write the report of a recorded run",
		Long: `Report reads records of lablab run --record and writes the report in any format. The record
of an interrupted run is reported as far as it goes. Report needs no privileges and works
on any system.

With --format html it writes a page that plays the run like a video in any browser: one
self-contained file. A page is also a record: report and replay can read it.

With --format flow-logs it writes what VPC Flow Logs would have of the run: who sent what
to whom, and whether groups and network ACLs accepted it.

With --name it reports what has happened so far in a lab that is running.

Several records make one report: a list in JSON, one suite each in JUnit. The exit code
is that of the worst: 0 if every prediction held, 1 if one did not or a run was not
finished, 4 if a run ended with an error, 6 if a prediction was not judged.`,
		Example: `  lablab report run.jsonl
  lablab report run.jsonl --format html -o run.html
  lablab report --format junit run.jsonl > junit.xml
  lablab report --format markdown --report json=all.json records/*.jsonl
  lablab report --format flow-logs --log-format '${srcaddr} ${dstaddr} ${action}' run.jsonl
  lablab report --name lab --format flow-logs`,
		Args: func(c *cobra.Command, names []string) error {
			if lab == "" {
				return someRecords(c, names)
			}
			return noArguments(c, names)
		},
		RunE: func(_ *cobra.Command, names []string) (err error) {
			runs, err := logs.runs(out)
			if err := errors.Join(out.check(), err); err != nil {
				return err
			}
			if lab != "" {
				*code, err = env.reportLab(lab, out, runs)
				return err
			}
			*code, err = rerender(env, out, runs, names)
			return err
		},
	}
	out.add(c.Flags())
	logs.add(c.Flags())
	c.Flags().StringVar(&lab, "name", "", "report the running lab `NAME` instead of a file")
	addSocketDir(c)
	return c
}

// rerender writes the reports of records.
func rerender(env Env, f outputFlags, runs render.Runs, names []string) (int, error) {
	runs.Many = len(names) > 1
	if runs.Many && f.page() {
		return 0, errManyPages
	}
	if err := distinct(f.names(), names); err != nil {
		return 0, err
	}
	for _, name := range names {
		events, err := readRecord(name)
		if err != nil {
			return 0, err
		}
		runs.Results = append(runs.Results, render.ResultOf(events))
	}
	return writeReports(env, f, runs)
}

// writeReports writes the reports of runs that are over, and returns the exit code.
func writeReports(env Env, f outputFlags, runs render.Runs) (int, error) {
	out, err := f.open(env)
	if err != nil {
		return 0, err
	}
	defer out.close()
	runs.Language = env.Language
	out.events = runs.Results[len(runs.Results)-1].Timeline
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
