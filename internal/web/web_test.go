package web

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/internal/recordtest"
	"lablab/report"
	"lablab/timeline"
)

func written(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pageOf(events []timeline.Event) Page {
	return Page{Events: events, Report: report.Of(events)}
}

func TestPageOfTheFourExperimentsIsSmall(t *testing.T) {
	const most = 400_000
	if n := len(written(t, pageOf(recordtest.Read(t, "ping")))); n > most {
		t.Errorf("the page has %d bytes, want %d at most", n, most)
	}
}

func TestPageIsARecord(t *testing.T) {
	events := recordtest.Read(t, "ping")
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

// A record cannot break out of its element, and the browser runs only our script.
func TestHostileRecordStaysData(t *testing.T) {
	page := written(t, pageOf(hostile(t)))
	if n := strings.Count(page, "</script>"); n != 5 {
		t.Errorf("the page has %d ends of scripts, want 5", n)
	}
	if strings.Contains(page, "<img") {
		t.Error("the record has made an element")
	}
	body := page[strings.LastIndex(page, `<script type="module">`)+len(`<script type="module">`):]
	body, _, _ = strings.Cut(body, "</script>")
	if want := "script-src &#39;" + digest(body) + "&#39;;"; !strings.Contains(page, strings.ReplaceAll(want, "+", "&#43;")) {
		t.Errorf("the policy does not allow the page's own script: %s", want)
	}
	for _, wrong := range []string{"unsafe", " style=", " onclick=", ".innerHTML", "insertAdjacent", "document.write", "eval(", "http://", "https://"} {
		plain := strings.ReplaceAll(page, "http://www.w3.org/2000/svg", "") // the SVG namespace, not a URL to load
		if strings.Contains(plain, wrong) {
			t.Errorf("there is %q in the page", wrong)
		}
	}
}

// evil is a hostile name in a record.
const evil = "</script><img src=x onerror=alert(1)>\u202eevil\u0007\u2066<!--"

// hostile returns the record of the four experiments with every name replaced by evil.
func hostile(t *testing.T) []timeline.Event {
	t.Helper()
	evilJSON, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	var events []timeline.Event
	for _, e := range recordtest.Read(t, "ping") {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		for _, name := range []string{`"A"`, `"1"`, `"icmp"`, `"lab"`, `"ICMP is allowed and a ping starts"`, `"An established flow outlives the rule that admitted it"`} {
			text = strings.ReplaceAll(text, name, strings.TrimSuffix(string(evilJSON), `"`)+" "+strings.Trim(name, `"`)+`"`)
		}
		var changed timeline.Event
		if err := json.Unmarshal([]byte(text), &changed); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		events = append(events, changed)
	}
	return events
}
