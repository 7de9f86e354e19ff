package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"lablab/report"
	"lablab/say"
)

// testsuites, testsuite and testcase are JUnit's, with the file and line of each case, which CI
// systems show next to a failure.
type testsuites struct {
	XMLName xml.Name `xml:"testsuites"`
	junit.Testsuites
	Suites []testsuite `xml:"testsuite"`
}

type testsuite struct {
	junit.Testsuite
	Testcases []testcase `xml:"testcase"`
}

type testcase struct {
	junit.Testcase
	File string `xml:"file,attr,omitempty"`
	Line int    `xml:"line,attr,omitempty"`
}

// junit writes a testsuite for each run and a testcase for each prediction. What ended a run early
// is an error; a prediction that did not hold is a failure.
func (r Runs) junit(w io.Writer) error {
	all := testsuites{Testsuites: junit.Testsuites{Name: "lablab"}}
	var took time.Duration
	taken := map[string]bool{}
	for i, result := range r.Results {
		suite := result.suite(i, result.suiteName(taken))
		took += result.Took
		all.AddSuite(suite.Testsuite)
		all.Suites = append(all.Suites, suite)
	}
	all.Time = seconds(took)
	all.Skipped = 0 // junit-10.xsd allows that attribute only on a suite
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return say.Errorf("write report: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return say.Errorf("write report: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return say.Errorf("write report: %w", err)
	}
	return nil
}

func (r Result) suite(id int, name string) testsuite {
	s := testsuite{Testsuite: junit.Testsuite{ID: id, Name: name, File: xmlText(r.File), Time: seconds(r.Took)}}
	if !r.Started.IsZero() && !r.Simulated() {
		s.SetTimestamp(r.Started)
	}
	for _, p := range [][2]string{
		{"title", r.Title}, {"question", r.Question}, {"verdict", string(r.Verdict())}, {"kernel", r.Kernel}, {"target", string(r.Target)}, {"version", r.Version},
		{"rootless", fmt.Sprint(r.Rootless)}, {"interval_ms", fmt.Sprint(r.IntervalMS)}, {"time_scale", fmt.Sprint(r.TimeScale)},
	} {
		if p[1] != "" && p[1] != "0" {
			s.AddProperty(p[0], xmlText(p[1]))
		}
	}
	for _, p := range r.Points() {
		c := testcase{File: xmlText(r.File), Line: p.Line, Testcase: junit.Testcase{Name: xmlText(p.Name()), Classname: name}}
		switch {
		case !p.Skipped.Empty():
			c.Skipped = &junit.Result{Message: xmlText(p.Skipped.String())}
		case p.Broken && !p.Held:
			c.Error = explained(r.Report, p, "broken")
		case !p.Held:
			c.Failure = explained(r.Report, p, "prediction")
		}
		s.AddTestcase(c.Testcase)
		s.Testcases = append(s.Testcases, c)
	}
	return s
}

// suiteName returns a name that no other suite has: what merges reports joins suites of one name, and
// two files may use the same.
func (r Result) suiteName(taken map[string]bool) string {
	name := xmlText(r.Scenario)
	if r.File != "" {
		name = xmlText(fmt.Sprintf("%s (%s)", r.Scenario, r.File))
	}
	first := name
	for n := 2; taken[name]; n++ { // the same scenario again, elsewhere
		name = fmt.Sprintf("%s #%d", first, n)
	}
	taken[name] = true
	return name
}

// explained returns a failure with what the kernel was seen to do.
func explained(r *report.Report, p report.Point, kind string) *junit.Result {
	var b strings.Builder
	fmt.Fprintln(&b, p.Failure())
	if place := r.Place(p); place != "" {
		fmt.Fprintln(&b, "at "+place)
	}
	if p.Broken && strings.Contains(r.Failed, "\n") {
		fmt.Fprintln(&b, r.Failed)
	}
	for _, w := range r.WhyOf(p) {
		fmt.Fprintf(&b, "\n%s\n", w.Subject)
		for _, sentence := range w.Sentences {
			fmt.Fprintf(&b, "  - %s\n", sentence)
		}
	}
	return &junit.Result{Message: xmlText(p.Failure().String()), Type: kind, Data: xmlText(b.String())}
}

// xmlText returns s for XML 1.0, which cannot hold some characters, not even escaped. What a viewer of
// the report would obey or hide is shown.
func xmlText(s string) string {
	return strings.Map(func(c rune) rune {
		if c == 0xfffe || c == 0xffff {
			return utf8.RuneError
		}
		return c
	}, say.Printable(s))
}
