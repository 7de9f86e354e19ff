package render

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/internal/recordtest"
	"lablab/report"
	"lablab/timeline"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-), now (+):\n%s", path, diff)
	}
}

func words(t *testing.T, events []timeline.Event, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := NewText(&b, width, nil).All(report.Of(events)); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")
}

func TestText(t *testing.T) {
	for _, name := range []string{"ping", "cut", "interrupted", "halted"} {
		t.Run(name, func(t *testing.T) { golden(t, name+".txt", words(t, recordtest.Read(t, name), 80)) })
	}
}

// pingLine matches what ping(8) prints, which stays in English.
var pingLine = regexp.MustCompile("packets transmitted|^rtt ")

func TestTextFitsTheTerminal(t *testing.T) {
	for _, width := range []int{40, 63, 64, 80, 200} {
		for _, line := range strings.Split(words(t, recordtest.Read(t, "cut"), width), "\n") {
			if n := len([]rune(line)); n > width && !pingLine.MatchString(line) {
				t.Errorf("at %d columns: %d in %q", width, n, line)
			}
		}
	}
}

// Any prefix of a run can be written.
func TestTextOfEveryPrefix(t *testing.T) {
	events := recordtest.Read(t, "cut")
	for n := 0; n <= len(events); n += 7 {
		if err := NewText(&bytes.Buffer{}, 80, nil).All(report.Of(events[:n])); err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, report.Of(recordtest.Read(t, "ping"))); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	golden(t, "ping.keys", strings.Join(keys("", got), "\n")+"\n")
}

// keys returns the names of all fields, so that a change of the schema shows.
func keys(path string, v any) []string {
	found := map[string]bool{}
	var walk func(string, any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				found[path+"."+k] = true
				walk(path+"."+k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(path+"[]", inner)
			}
		}
	}
	walk(path, v)
	var names []string
	for k := range found {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

func TestPingStatistics(t *testing.T) {
	s := report.Stream{Target: "10.255.1.197", Sent: 46, Received: 27, LossPercent: 19 * 100 / 46., TimeMS: 46009.2, RTT: &report.RTT{Min: .422, Avg: .495, Max: .91, Mdev: .1}}
	want := "--- 10.255.1.197 ping statistics ---\n" +
		"46 packets transmitted, 27 received, 41.3043% packet loss, time 46009ms\n" +
		"rtt min/avg/max/mdev = 0.422/0.495/0.910/0.100 ms\n"
	if got := pingStatistics(&s); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	s = report.Stream{Target: "::1", Sent: 3, LossPercent: 100}
	want = "--- ::1 ping statistics ---\n3 packets transmitted, 0 received, 100% packet loss, time 0ms\n"
	if got := pingStatistics(&s); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func BenchmarkText(b *testing.B) {
	events := recordtest.Read(b, "ping")
	for b.Loop() {
		_ = NewText(&bytes.Buffer{}, 80, nil).All(report.Of(events))
	}
}
