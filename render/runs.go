// Package render writes reports: as text for people, in the formats that test tools read, as a cast
// of the run, and as progress while it goes on. It has no data of its own: every format shows the
// same [report.Report].
package render

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"lablab/flowlog"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// Formats returns the names of the formats that Runs can be written in.
func Formats() []string {
	return []string{"text", "json", "jsonl", "junit", "tap", "markdown", "cast", "flow-logs"}
}

// A Result is a run and how long it took.
type Result struct {
	*report.Report
	Took     time.Duration
	Timeline []timeline.Event // the events behind the report, for formats that replay them
}

// ResultOf explains a run, or as much of it as has happened.
func ResultOf(events []timeline.Event) Result {
	r := Result{Report: report.Of(events), Timeline: events}
	if len(events) > 0 {
		r.Took = events[len(events)-1].At
	}
	return r
}

// Runs are the results of one command.
type Runs struct {
	Results []Result
	// Many reports that the command could have run several scenarios, even if it ran one: programs
	// then get a list.
	Many bool
	// Language is the language of results for people.
	Language *say.Language
	// LogFormat is the format of VPC Flow Logs, and Aggregation their interval: a minute, unless given.
	LogFormat   flowlog.Format
	Aggregation time.Duration
}

// Write writes all results in one of the Formats.
func (r Runs) Write(w io.Writer, format string) error {
	switch format {
	case "text":
		return NewText(w, 80, r.Language).Runs(r)
	case "json":
		return r.json(w)
	case "jsonl":
		for _, result := range r.Results {
			if err := result.JSONLine(w); err != nil {
				return err
			}
		}
		return nil
	case "junit":
		return r.junit(w)
	case "tap":
		return r.tap(w)
	case "markdown":
		return r.markdown(w)
	case "cast":
		return r.cast(w)
	case "flow-logs":
		return r.flowLogs(w)
	}
	return say.Errorf("write report: unknown format %q", format)
}

func (r Runs) json(w io.Writer) error {
	if !r.Many && len(r.Results) == 1 {
		return JSON(w, r.Results[0].Report)
	}
	reports := make([]*report.Report, 0, len(r.Results))
	for _, result := range r.Results {
		reports = append(reports, result.Report)
	}
	encoder := json.NewEncoder(say.JSON(w))
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(reports); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// JSONLine writes the report as one line of JSON, the same object as in a list of several.
func (r Result) JSONLine(w io.Writer) error {
	encoder := json.NewEncoder(say.JSON(w))
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r.Report); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

// Slim drops what only JSON, the full text and replays show: each packet, each event. That is most
// of a report, and there may be thousands of reports.
func (r *Result) Slim() {
	r.Timeline = nil
	r.Events = []report.FlowEvent{}
	for i := range r.Streams {
		r.Streams[i].Packets = []report.Packet{}
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
