package render

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/internal/recordtest"
	"lablab/report"
	"lablab/say"
	"lablab/timeline"
)

func japanese(t *testing.T) *say.Language {
	t.Helper()
	ja, err := say.Speak("ja")
	if err != nil {
		t.Fatal(err)
	}
	return ja
}

func wordsInJapanese(t *testing.T, events []timeline.Event, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := NewText(&b, width, japanese(t)).All(report.Of(events)); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(b.String(), "")
}

func TestTextInJapanese(t *testing.T) {
	golden(t, "ping.ja.txt", wordsInJapanese(t, recordtest.Read(t, "ping"), 80))
}

func TestMarkdownInJapanese(t *testing.T) {
	var b bytes.Buffer
	runs := Runs{Results: []Result{ResultOf(recordtest.Read(t, "ping"))}, Language: japanese(t)}
	if err := runs.Write(&b, "markdown"); err != nil {
		t.Fatal(err)
	}
	golden(t, "ping.ja.md", b.String())
}

// Programs get English, whatever the language of the user.
func TestMachinesReadEnglish(t *testing.T) {
	for _, format := range []string{"json", "junit", "tap"} {
		written := map[string]string{}
		for _, l := range []*say.Language{nil, japanese(t)} {
			var b bytes.Buffer
			runs := Runs{Results: []Result{ResultOf(recordtest.Read(t, "ping"))}, Language: l}
			if err := runs.Write(&b, format); err != nil {
				t.Fatal(err)
			}
			written[l.Name()] = b.String()
		}
		if diff := cmp.Diff(written["en"], written["ja"]); diff != "" {
			t.Errorf("%s in English (-), for a Japanese reader (+):\n%s", format, diff)
		}
	}
}

// If a record contradicts itself about an action, its translation is not trusted.
func TestForgedWords(t *testing.T) {
	plan := timeline.Plan{Do: []string{"revoke rule icmp of group lab"}, Doing: []*say.Kept{say.F("stop stream %s", "1").Keep()}}
	if got := plan.Said()[0].In(japanese(t)); got != plan.Do[0] {
		t.Errorf("said: %s", got)
	}
}

func TestJapaneseFitsTheTerminal(t *testing.T) {
	for _, name := range []string{"ping", "cut", "interrupted"} {
		for _, columns := range []int{40, 63, 80, 200} {
			for _, line := range strings.Split(wordsInJapanese(t, recordtest.Read(t, name), columns), "\n") {
				if n := width(line); n > columns && !pingLine.MatchString(line) {
					t.Errorf("%s at %d columns: %d in %q", name, columns, n, line)
				}
			}
		}
	}
}
