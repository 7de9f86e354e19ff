package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"lablab/internal/web"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

func newReport(env Env, code *int) *cobra.Command {
	var out outputFlags
	c := &cobra.Command{
		Use:   "report FILE...",
		Short: "Write the report of a recorded run",
		Long: `Report reads what lablab run --record wrote, and writes the report of it again, in
any format. A record whose run was interrupted or cut short is good up to there.
It needs no privilege, and works on any system.

With --format html it is a page that plays the run like a video, in any browser:
one file that loads nothing from anywhere. A page is a record, too: report and
replay read it.

Several records make one report: a list in JSON, a suite each in JUnit. The exit
code is that of the worst: 0 if everything was as predicted, 1 if something was
not or did not come to its end, 4 if a run broke.`,
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
	runs := report.Runs{Many: len(names) > 1, Language: env.Language}
	if runs.Many && f.page() {
		return 0, errManyPages
	}
	var last []timeline.Event
	for _, name := range names {
		events, err := readRecord(name)
		if err != nil {
			return 0, err
		}
		runs.Results = append(runs.Results, report.ResultOf(events))
		last = events
	}
	out, err := f.open(env)
	if err != nil {
		return 0, err
	}
	out.events = last
	if f.text() {
		err = newText(out.env, f.colour).Runs(runs)
	}
	if err := errors.Join(err, out.write(runs)); err != nil {
		return 0, broken(err)
	}
	return worst(runs), nil
}

// worst is the exit code of the run that came off worst.
func worst(runs report.Runs) int {
	code := exitHeld
	for _, r := range runs.Results {
		switch r.Verdict() {
		case report.Held, report.Unpredicted:
		case report.Broken:
			code = exitBroken
		default:
			code = max(code, exitNotHeld)
		}
	}
	return code
}

// readRecord reads the record of a run.
func readRecord(name string) ([]timeline.Event, error) {
	hint := say.F("name a file that lablab run --record wrote")
	f, err := os.Open(name)
	if err != nil {
		return nil, &usageError{say.Errorf("read record: %w", err), toRead(name, err, hint)}
	}
	defer f.Close()
	events, err := web.Read(f)
	if err != nil {
		return nil, &usageError{say.Errorf("%s: %w", name, err), hint}
	}
	if len(events) == 0 {
		return nil, &usageError{say.Errorf("%s: read record: there is nothing in it", name), hint}
	}
	if _, begins := events[0].Body.(timeline.Begun); !begins {
		return nil, &usageError{say.Errorf("%s: read record: it does not begin where a run does", name), hint}
	}
	return events, nil
}

// someRecords refuses a command line without records.
func someRecords(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &usageError{say.New("no record to read"), say.As("lablab run --record run.jsonl; lablab " + c.Name() + " run.jsonl")}
	}
	return nil
}
