package render

import (
	"bytes"
	"strings"
	"testing"

	"lablab/internal/recordtest"
	"lablab/report"
)

// A run that could not be judged has neither held nor failed, and every format says so, with the gap.
func TestNotJudged(t *testing.T) {
	runs := Runs{Results: []Result{read(t, "halted")}}
	const why = "lablab was stopped or slow for 2.6s, so a conntrack entry on B expired too early"
	var annotated, summary bytes.Buffer
	if err := runs.Annotate(&annotated, ""); err != nil {
		t.Fatal(err)
	}
	if err := NewText(&summary, 200, nil).Summary(runs); err != nil {
		t.Fatal(err)
	}
	pages, err := In(runs.Results[0].Report, "en", "ja")
	if err != nil {
		t.Fatal(err)
	}
	page := pages.Words["en"]
	for format, c := range map[string]struct {
		text, says string
		times      int // how often the reason is given
	}{
		"text":     {strings.Join(strings.Fields(words(t, recordtest.Read(t, "halted"), 80)), " "), "observed dropped 5/5, by default-deny; held: not judged", 4},
		"summary":  {summary.String(), "What was not judged", 4},
		"json":     {written(t, "json", runs), `"held": false`, 6}, // 4 predictions of 2 experiments
		"junit":    {written(t, "junit", runs), `<skipped message="not judged: ` + why, 4},
		"tap":      {written(t, "tap", runs), "# SKIP not judged: " + why, 4},
		"markdown": {written(t, "markdown", runs), "## ⚠️ pause: ", 4},
		"github":   {annotated.String(), "::warning file=lab/pause.yaml,line=23,col=7,title=pause%3A not judged::", 4},
		"cast":     {written(t, "cast", runs), "NOT JUDGED: 4 of 8", 0},
	} {
		if n := strings.Count(c.text, why); n < c.times || !strings.Contains(c.text, c.says) {
			t.Errorf("%s: gives the reason %d times, want %d; says %q: %v\n%s", format, n, c.times, c.says, strings.Contains(c.text, c.says), c.text)
		}
		if strings.Contains(c.text, "FAIL") || strings.Contains(c.text, "All predictions held") {
			t.Errorf("%s: held or failed:\n%s", format, c.text)
		}
	}
	if page.Verdict.Tone != doubtful || len(page.Verdict.Failures) != 4 || page.Experiments[1].Predictions[0].Held != "not judged" {
		t.Errorf("page: %+v, %+v", page.Verdict, page.Experiments[1].Predictions[0])
	}
	if runs.Results[0].Held || runs.Results[0].Verdict() != report.NotJudged {
		t.Errorf("held %v, verdict %s", runs.Results[0].Held, runs.Results[0].Verdict())
	}
	if said := pages.Words["ja"].Verdict.Conclusion; !strings.Contains(said, "判定不能") {
		t.Error(said)
	}
}
