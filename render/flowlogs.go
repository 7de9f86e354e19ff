package render

import (
	"bufio"
	"cmp"
	"io"
	"time"

	"lablab/flowlog"
	"lablab/report"
	"lablab/say"
)

// flowLogs writes what VPC Flow Logs would have of the runs, as a file in Amazon S3 has it: a line
// with the names of the fields, and a line for each record.
func (r Runs) flowLogs(w io.Writer) error {
	b := bufio.NewWriter(w)
	log := flowlog.NewWriter(b, r.LogFormat)
	if err := log.WriteHeader(); err != nil {
		return err
	}
	for _, result := range r.Results {
		records, err := report.FlowLog(result.Timeline, cmp.Or(r.Aggregation, time.Minute))
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := log.Write(record); err != nil {
				return err
			}
		}
	}
	if err := b.Flush(); err != nil {
		return say.Errorf("write flow log: %w", err)
	}
	return nil
}
