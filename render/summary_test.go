package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lablab/internal/nstest"
	"lablab/internal/recordtest"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

// read returns a run from the repository's testdata, as if played from a file.
func read(t testing.TB, name string) Result {
	t.Helper()
	return result(recordtest.Read(t, name))
}

func result(events []timeline.Event) Result {
	r := ResultOf(events)
	r.File = "lab/" + r.Scenario + ".yaml"
	for i := range r.Experiments {
		r.Experiments[i].Line = 10 * (i + 1)
	}
	return r
}

// mutant returns the recorded run with a prediction that stream 2 is answered in experiment 3.
func mutant(t testing.TB) Result {
	t.Helper()
	events := slices.Clone(recordtest.Read(t, "ping"))
	begun := events[0].Body.(timeline.Begun)
	begun.Plan = slices.Clone(begun.Plan)
	begun.Plan[2].Predicted = slices.Clone(begun.Plan[2].Predicted)
	for i := range begun.Plan[2].Predicted {
		begun.Plan[2].Predicted[i].Outcome = string(report.Replied)
	}
	events[0].Body = begun
	return result(events)
}

// broken returns the recorded run as if it had failed in experiment 3, with a message that is
// awkward in every format.
func broken(t testing.TB) Result {
	t.Helper()
	var events []timeline.Event
	for _, e := range recordtest.Read(t, "ping") {
		if begun, ok := e.Body.(timeline.ExperimentBegun); ok && begun.Number == 4 {
			break
		}
		events = append(events, e)
	}
	return result(append(events, timeline.Event{Body: timeline.Ended{Failed: awkward + "\ngoroutine 1 [running]:"}}))
}

const awkward = "it \x1b[31m]]> <b>&amp;</b> # SKIP 100%, | \\| *x* ::error::\x00"

// cutShort returns a record whose writer was killed.
func cutShort(t testing.TB) Result {
	t.Helper()
	events := recordtest.Read(t, "ping")
	return result(events[:len(events)/2])
}

// every returns one run for each verdict.
func every(t testing.TB) Runs {
	t.Helper()
	return Runs{Many: true, Results: []Result{read(t, "ping"), mutant(t), broken(t), read(t, "interrupted"), cutShort(t), read(t, "halted")}}
}

func written(t testing.TB, format string, r Runs) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestVerdicts(t *testing.T) {
	var got []report.Verdict
	for _, r := range every(t).Results {
		got = append(got, r.Verdict())
	}
	if want := []report.Verdict{report.Held, report.NotHeld, report.Broken, report.Interrupted, report.CutShort, report.NotJudged}; !slices.Equal(got, want) {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	if sum, want := every(t).Sum(), "6 scenarios: 1 held, 1 FAILED, 1 not judged, 1 error, 1 interrupted, 1 cut short"; sum.String() != want {
		t.Errorf("%q, want %q", sum, want)
	}
}

// Whatever is wrong with a run, one of its points fails or is not judged; in a run that held, none is.
func TestPointsFailIfTheRunDidNotHold(t *testing.T) {
	for _, r := range every(t).Results {
		failed := slices.ContainsFunc(r.Points(), func(p report.Point) bool { return p.Failed() || p.Unjudged() })
		if failed == r.Held {
			t.Errorf("%s: held %v, a point failed: %v", r.Verdict(), r.Held, failed)
		}
	}
	for name, spoil := range map[string]func(*report.Report){
		"late": func(r *report.Report) { r.Experiments[1].Late, r.Experiments[1].Held, r.Held = true, false, false },
		"too late": func(r *report.Report) {
			for i := range r.Experiments[1:] {
				r.Experiments[i+1].Complete, r.Experiments[i+1].Held = false, false
			}
			r.Experiments[1].Late, r.Held = true, false
		},
		"exit code": func(r *report.Report) {
			r.Experiments[0].Ran = []timeline.Ran{{Host: "A", Exit: 1, Command: []string{"true"}}}
		},
		"experiment": func(r *report.Report) { r.Experiments[3].Held, r.Held = false, false },
		"unknown":    func(r *report.Report) { r.Held = false },
		"no proof":   func(r *report.Report) { r.Experiments, r.Held = nil, false },
		"never begun": func(r *report.Report) {
			r.Experiments[3].Begun, r.Experiments[3].Complete, r.Held = false, false, false
		},
		"a prediction": func(r *report.Report) {
			r.Experiments[2].Predictions = []report.Prediction{{Subject: say.As("host A"), Predicted: say.As("x")}}
		},
	} {
		r := read(t, "ping")
		spoil(r.Report)
		if !slices.ContainsFunc(r.Points(), report.Point.Failed) {
			t.Errorf("%s: no point failed", name)
		}
	}
}

func TestFormatsAreWritten(t *testing.T) {
	for _, format := range Formats() {
		for _, runs := range []Runs{{}, {Many: true}, {Results: []Result{read(t, "ping")}}, every(t)} {
			if written(t, format, runs) == "" && len(runs.Results) > 0 {
				t.Errorf("%s: nothing", format)
			}
		}
	}
	if err := (Runs{}).Write(&bytes.Buffer{}, "xml"); err == nil {
		t.Error("an unknown format was written")
	}
}

// One report is an object and several are a list. A command that may have several always writes a
// list.
func TestJSONOfRuns(t *testing.T) {
	one := []Result{read(t, "ping")}
	var object report.Report
	if err := json.Unmarshal([]byte(written(t, "json", Runs{Results: one})), &object); err != nil || !object.Held {
		t.Errorf("one: %v, held %v", err, object.Held)
	}
	for want, runs := range map[int]Runs{0: {Many: true}, 1: {Results: one, Many: true}, 6: every(t)} {
		var list []report.Report
		if err := json.Unmarshal([]byte(written(t, "json", runs)), &list); err != nil || len(list) != want || list == nil {
			t.Errorf("%d: %v, %d reports", want, err, len(list))
		}
	}
}

func TestTextOfRuns(t *testing.T) {
	for _, width := range []int{40, 80, 120} {
		var b bytes.Buffer
		if err := NewText(&b, width, nil).Summary(every(t)); err != nil {
			t.Fatal(err)
		}
		plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")
		for _, line := range strings.Split(plain, "\n") {
			if n := len([]rune(line)); n > width {
				t.Errorf("at %d columns: %d in %q", width, n, line)
			}
		}
		if folded := strings.Join(strings.Fields(plain), " "); !strings.Contains(folded, "6 scenarios: 1 held") || !strings.Contains(folded, "Packets 1–19 were NEW to A") {
			t.Errorf("at %d columns: %s", width, plain)
		}
	}
	var b bytes.Buffer
	if err := NewText(&b, 80, nil).Line(mutant(t)); err != nil || !strings.Contains(b.String(), "FAILED") {
		t.Errorf("%v, %q", err, b.String())
	}
}

func TestJUnitIsValid(t *testing.T) {
	lint := nstest.Tool(t, "xmllint")
	for name, runs := range map[string]Runs{"none": {}, "one": {Results: []Result{read(t, "ping")}}, "every": every(t)} {
		path := filepath.Join(t.TempDir(), "junit.xml")
		if err := os.WriteFile(path, []byte(written(t, "junit", runs)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(lint, "--noout", "--schema", "testdata/junit.xsd", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestJUnit(t *testing.T) {
	var got struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Suites   []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
			Skipped  int    `xml:"skipped,attr"`
			Cases    []struct {
				Name    string  `xml:"name,attr"`
				Class   string  `xml:"classname,attr"`
				File    string  `xml:"file,attr"`
				Line    int     `xml:"line,attr"`
				Failure *string `xml:"failure"`
				Error   *string `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(written(t, "junit", every(t))), &got); err != nil {
		t.Fatal(err)
	}
	if got.Failures != 1 || got.Errors != 3 || len(got.Suites) != 6 {
		t.Errorf("%d failures, %d errors, %d suites", got.Failures, got.Errors, len(got.Suites))
	}
	tests := 0
	var names []string
	for _, s := range got.Suites {
		tests += s.Tests
		names = append(names, s.Name)
		if s.Tests != len(s.Cases) {
			t.Errorf("%s: %d tests, %d cases", s.Name, s.Tests, len(s.Cases))
		}
		for _, c := range s.Cases {
			if c.Class != s.Name {
				t.Errorf("case %s is of class %s in suite %s", c.Name, c.Class, s.Name)
			}
		}
	}
	const ping = "ping (lab/ping.yaml)"
	if want := []string{ping, ping + " #2", ping + " #3", ping + " #4", ping + " #5", "pause (lab/pause.yaml)"}; !slices.Equal(names, want) {
		t.Errorf("the suites are called %q, want %q", names, want)
	}
	if tests != got.Tests {
		t.Errorf("%d tests, %d in the suites", got.Tests, tests)
	}
	if held := got.Suites[0]; held.Failures+held.Errors+held.Skipped != 0 || held.Tests != 6 {
		t.Errorf("the run that held: %+v", held)
	}
	wrong := got.Suites[1].Cases[3]
	if wrong.Failure == nil || wrong.File != "lab/ping.yaml" || wrong.Line != 34 || wrong.Name != "3. a second ping starts: stream 2 answered" {
		t.Fatalf("the prediction that failed: %+v", wrong)
	}
	for _, words := range []string{"stream 2: predicted answered, observed dropped", "default deny dropped them", "lab/ping.yaml:34"} {
		if !strings.Contains(*wrong.Failure, words) {
			t.Errorf("does not say %q:\n%s", words, *wrong.Failure)
		}
	}
	if strings.Contains(*wrong.Failure, "Stream 1 (") {
		t.Errorf("speaks of another stream:\n%s", *wrong.Failure)
	}
	if s := got.Suites[2]; s.Skipped != 2 || s.Errors != 1 {
		t.Errorf("the broken run: %d skipped, %d errors", s.Skipped, s.Errors)
	}
	if s := got.Suites[5]; s.Skipped != 4 || s.Failures+s.Errors != 0 {
		t.Errorf("the run that was not judged: %d skipped, %d failures, %d errors", s.Skipped, s.Failures, s.Errors)
	}
}

// prove(1) finds every point, and the failed ones.
func TestTAP(t *testing.T) {
	prove := nstest.Tool(t, "prove")
	for name, test := range map[string]struct {
		runs  Runs
		holds bool
		says  string
	}{
		"none":        {Runs{}, true, "skipped: no scenario was run"},
		"held":        {Runs{Results: []Result{read(t, "ping")}}, true, "Tests=6"},
		"not held":    {Runs{Results: []Result{mutant(t)}}, false, "Failed 1/6"},
		"broken":      {Runs{Results: []Result{broken(t)}}, false, "Failed 1/7"},
		"interrupted": {Runs{Results: []Result{read(t, "interrupted")}}, false, "Failed 1/7"},
		"cut short":   {Runs{Results: []Result{cutShort(t)}}, false, "Failed 1/7"},
		"not judged":  {Runs{Results: []Result{read(t, "halted")}}, true, "Tests=8"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.tap")
			tap := written(t, "tap", test.runs)
			if err := os.WriteFile(path, []byte(tap), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(prove, "--source", "File", path).CombinedOutput()
			if (err == nil) != test.holds || !strings.Contains(string(out), test.says) || strings.Contains(string(out), "Parse errors") {
				t.Errorf("%v\n%s\n%s", err, out, tap)
			}
		})
	}
}

func TestMarkdown(t *testing.T) {
	golden(t, "not_held.md", written(t, "markdown", Runs{Results: []Result{mutant(t)}}))
	all := written(t, "markdown", every(t))
	for _, words := range []string{
		"# 6 scenarios: 1 held", "| ✅ | lab/ping.yaml | held |", "## ❌ ping: An established flow",
		"The run ended with an error: it &#92;u001b\\[31m\\]\\]&gt; &lt;b&gt;&amp;amp;&lt;/b&gt; \\# SKIP 100%, | &#92;| \\*x\\* ::error::",
	} {
		if !strings.Contains(all, words) {
			t.Errorf("does not say %q", words)
		}
	}
	var b bytes.Buffer
	if err := every(t).Contents(&b); err != nil || !strings.HasPrefix(all, b.String()) {
		t.Errorf("%v, %s", err, &b)
	}
}

func TestMarkdownTakesNothingForItsOwn(t *testing.T) {
	if got, want := md("a|b\n<script> `x` *y* $z$ \\| @all"), "a|b &lt;script&gt; \\`x\\` \\*y\\* \\$z\\$ &#92;| &#64;all"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAnnotations(t *testing.T) {
	var b bytes.Buffer
	if err := every(t).Annotate(&b, ""); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 8 {
		t.Fatalf("%d annotations, want 8:\n%s", len(lines), &b)
	}
	if !strings.HasPrefix(lines[4], "::warning file=lab/pause.yaml,line=23,col=7,title=pause%3A not judged::experiment 2, stream 1: predicted answered, by established; not judged: lablab was stopped or slow for 2.6s") {
		t.Error(lines[4])
	}
	if !strings.HasPrefix(lines[0], "::error file=lab/ping.yaml,line=34,col=29,title=ping%3A FAILED::experiment 3, stream 2: predicted answered, observed dropped") {
		t.Error(lines[0])
	}
	if !strings.Contains(lines[0], "%0AStream 2 (ping from B to A, ICMP id 1002)%0A- ") {
		t.Error(lines[0])
	}
	if !strings.Contains(lines[1], "# SKIP 100%25, |") {
		t.Error(lines[1])
	}
	b.Reset()
	r := mutant(t)
	r.File = filepath.Join(t.TempDir(), "a,b:c.yaml")
	if err := (Runs{Results: []Result{r}}).Annotate(&b, filepath.Dir(r.File)); err != nil || !strings.HasPrefix(b.String(), "::error file=a%2Cb%3Ac.yaml,line=34,col=29,") {
		t.Errorf("%v, %s", err, &b)
	}
	b.Reset()
	if err := (Runs{Results: []Result{read(t, "ping")}}).Annotate(&b, ""); err != nil || b.Len() > 0 {
		t.Errorf("%v, %s", err, &b)
	}
}

// A single run that did not hold ends with what failed, and where it was predicted.
func TestEndsWithWhatDidNotHold(t *testing.T) {
	r := mutant(t)
	var b bytes.Buffer
	if err := NewText(&b, 80, nil).All(r.Report); err != nil {
		t.Fatal(err)
	}
	_, end, found := strings.Cut(b.String(), "predictions did not hold.")
	want := 0
	for _, p := range r.Points() {
		if p.Failed() {
			want++
			if !strings.Contains(end, r.Place(p)+": experiment ") {
				t.Errorf("%s is not in the end:\n%s", r.Place(p), end)
			}
		}
	}
	if !found || want == 0 || strings.Contains(end, "\n\n") {
		t.Errorf("%d points failed; the end is\n%s", want, end)
	}
}
