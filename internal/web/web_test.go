package web

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/report"
	"lablab/timeline"
)

// recorded is the record of the four experiments.
func recorded(t *testing.T) []timeline.Event {
	t.Helper()
	f, err := os.Open("../../testdata/ping.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events, err := timeline.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func written(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pageOf(events []timeline.Event) Page {
	return Page{Events: events, Reports: map[string]*report.Report{"en": report.Of(events)}}
}

func TestPageOfTheFourExperimentsIsSmall(t *testing.T) {
	const most = 400_000
	if n := len(written(t, pageOf(recorded(t)))); n > most {
		t.Errorf("the page has %d bytes, want %d at most", n, most)
	}
}

func TestPageIsARecord(t *testing.T) {
	events := recorded(t)
	got, err := Read(strings.NewReader(written(t, pageOf(events))))
	if err != nil {
		t.Fatal(err)
	}
	want, have := recordOf(t, events), recordOf(t, got)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("written (-), read (+):\n%s", diff)
	}
}

func recordOf(t *testing.T, events []timeline.Event) string {
	t.Helper()
	b, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
