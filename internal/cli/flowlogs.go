package cli

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"lablab/flowlog"
	"lablab/render"
	"lablab/say"
)

// flowLogs is the format that writes VPC Flow Logs.
const flowLogs = "flow-logs"

// flowLogFlags say how flow logs are written. They have the names of the AWS CLI.
type flowLogFlags struct {
	format  string
	seconds int
}

func (f *flowLogFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.format, "log-format", "", "fields of flow-logs: `FORMAT` as in '${start} ${vpc-id}'; unless given, those of version 2")
	flags.IntVar(&f.seconds, "max-aggregation-interval", 60, "aggregation interval of flow-logs: `N` seconds, 60 (as on Nitro instances) or 600")
}

// runs returns runs without results that are written as the flags say.
func (f *flowLogFlags) runs(out outputFlags) (render.Runs, error) {
	var runs render.Runs
	var errs []error
	if f.format != "" {
		var err error
		if runs.LogFormat, err = flowlog.ParseFormat(f.format); err != nil {
			errs = append(errs, &usageError{err, say.F("for example --log-format '%s'", flowlog.Default().String())})
		}
		if !out.writes(flowLogs) {
			errs = append(errs, &usageError{say.New("--log-format is for flow logs"), say.F("add --format flow-logs")})
		}
	}
	if f.seconds != 60 && f.seconds != 600 {
		errs = append(errs, &usageError{say.Errorf("invalid --max-aggregation-interval %d", f.seconds), say.F("choose one of: %s", "60, 600")})
	}
	runs.Aggregation = time.Duration(f.seconds) * time.Second
	return runs, errors.Join(errs...)
}

// writes reports whether a report is to be written in a format.
func (f *outputFlags) writes(format string) bool {
	return f.format == format || slices.ContainsFunc(f.reports, func(r string) bool { return strings.HasPrefix(r, format+"=") })
}
