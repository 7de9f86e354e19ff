package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"lablab/internal/recordtest"
	"lablab/render"
	"lablab/say"
	"lablab/timeline"
)

// outputs returns all that is written about a record, by format, in these languages.
func outputs(t *testing.T, events []timeline.Event, languages []*say.Language, widths ...int) map[string]string {
	t.Helper()
	all := map[string]string{}
	result := render.ResultOf(events)
	for _, l := range languages {
		for n, runs := range []render.Runs{{Results: []render.Result{result}, Language: l}, {Results: []render.Result{result, result}, Many: true, Language: l}} {
			for _, format := range render.Formats() {
				if l != nil && n > 0 || n > 0 && format == "cast" {
					continue
				}
				var b bytes.Buffer
				if err := runs.Write(&b, format); err != nil && !strings.Contains(err.Error(), "no experiment") {
					t.Errorf("%s: %v", format, err)
				}
				all[fmt.Sprint(format, n, l != nil)] = b.String()
			}
		}
	}
	var b bytes.Buffer
	if err := (render.Runs{Results: []render.Result{result}}).Annotate(&b, "/"); err != nil {
		t.Error(err)
	}
	// Of an annotation only the command at its start is a command.
	all["annotations"] = regexp.MustCompile("(?m)^::(error|warning) ").ReplaceAllString(b.String(), "$1 ")
	for _, width := range widths {
		var b bytes.Buffer
		text := render.NewText(&b, width, nil)
		if err := text.Runs(render.Runs{Results: []render.Result{result, result}}); err != nil && !strings.Contains(err.Error(), "no experiment") {
			t.Errorf("%d columns: %v", width, err)
		}
		_ = text.Line(result)
		all[fmt.Sprint("text ", width)] = b.String()
		var words bytes.Buffer
		lines := render.NewProgress(&colorprofile.Writer{Forward: &words, Profile: colorprofile.NoTTY}, nil, nil, nil)
		screen := render.NewProgress(&colorprofile.Writer{Forward: io.Discard, Profile: colorprofile.ANSI}, io.Discard, func() (int, int) { return width, 24 }, nil)
		for i, e := range events {
			lines.Add(e)
			if screen.Add(e); i%50 == 0 {
				screen.Draw()
			}
		}
		all[fmt.Sprint("progress ", width)] = words.String()
	}
	return all
}

// quotedString matches the keys and the strings of a record.
var quotedString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(:?)`)

// replaced returns a record with other strings, and whether it is still a record.
func replaced(t *testing.T, record string, put func(value string) (string, bool)) ([]timeline.Event, bool) {
	t.Helper()
	changed := quotedString.ReplaceAllStringFunc(record, func(s string) string {
		var value string
		if strings.HasSuffix(s, ":") || json.Unmarshal([]byte(s), &value) != nil {
			return s // a key
		}
		if with, is := put(value); is {
			b, err := json.Marshal(with)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		return s
	})
	events, err := timeline.Read(strings.NewReader(changed))
	return events, err == nil
}

// recordOf returns a record as a file, and its strings.
func recordOf(t *testing.T, events []timeline.Event) (record string, values []string) {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range quotedString.FindAllString(b.String(), -1) {
		var value string
		if !strings.HasSuffix(s, ":") && json.Unmarshal([]byte(s), &value) == nil && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return b.String(), values
}

// failing returns a run of which nothing held, with a program and its output.
func failing(events []timeline.Event) []timeline.Event {
	events = slices.Clone(events)
	begun := events[0].Body.(timeline.Begun)
	begun.Question, begun.File = "What will happen?", "ping.yaml"
	begun.Plan = slices.Clone(begun.Plan)
	for i := range begun.Plan {
		p := &begun.Plan[i]
		p.Predicted = slices.Clone(p.Predicted)
		for j := range p.Predicted {
			p.Predicted[j].Outcome = "stalled"
		}
	}
	events[0].Body = begun
	last := &events[len(events)-1]
	last.Body = timeline.Ended{Failed: "no more memory\nat all"}
	return events
}

// No name is too long for a screen, and none hangs a writer or makes it fail: they take as many
// lines as they need.
func TestLongNames(t *testing.T) {
	t.Parallel()
	record, values := recordOf(t, failing(recordtest.Read(t, "both-entries-cut")))
	free := slices.DeleteFunc(values, func(value string) bool {
		_, is := replaced(t, record, func(v string) (string, bool) { return v + "x", v == value })
		return !is
	})
	for unit, lengths := range map[string][]int{"x": {31, 70, 10_000}, "猫": {31, 10_000}, "\x1b": {70}, "e\u0301": {70}} {
		for _, length := range lengths {
			events, is := replaced(t, record, func(v string) (string, bool) {
				return fmt.Sprint(slices.Index(free, v)) + strings.Repeat(unit, length), slices.Contains(free, v)
			})
			if !is {
				t.Fatalf("%q %d times makes no record", unit, length)
			}
			if length < 100 {
				outputs(t, events, []*say.Language{nil}, 1, 60)
				continue
			}
			var b bytes.Buffer
			for _, format := range []string{"text", "markdown"} {
				if err := (render.Runs{Results: []render.Result{render.ResultOf(events)}}).Write(&b, format); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// Every width of a terminal will do, for names of every width.
func TestEveryWidth(t *testing.T) {
	t.Parallel()
	record, _ := recordOf(t, failing(recordtest.Read(t, "never-answered")))
	for step, name := range map[int]string{1: "1", 3: strings.Repeat("x", 30), 7: strings.Repeat("猫", 31)} {
		events, _ := replaced(t, record, func(v string) (string, bool) { return name, v == "1" })
		result := render.ResultOf(events)
		for width := 1; width <= 500; width += step {
			var b bytes.Buffer
			if err := render.NewText(&b, width, nil).Runs(render.Runs{Results: []render.Result{result}}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), "Why") {
				t.Fatalf("%d columns: incomplete", width)
			}
		}
	}
}

// number matches a number of a record.
var number = regexp.MustCompile(`("\w+":)(-?\d+)\b`)

// No number of a record hangs a writer or makes it fail, unless the record is refused.
func TestHostileNumbers(t *testing.T) {
	t.Parallel()
	record, _ := recordOf(t, failing(recordtest.Read(t, "both-entries-cut")))
	keys := map[string]bool{}
	for _, m := range number.FindAllStringSubmatch(record, -1) {
		keys[m[1]] = true
	}
	read := 0
	for key := range keys {
		for _, value := range []string{"-1", "0", "4294967295", "9007199254740993", "9223372036854775807"} {
			first := true
			changed := number.ReplaceAllStringFunc(record, func(s string) string {
				if strings.HasPrefix(s, key) && first {
					first = false
					return key + value
				}
				return s
			})
			events, err := timeline.Read(strings.NewReader(changed))
			if err != nil {
				continue
			}
			read++
			outputs(t, events, []*say.Language{nil}, 40)
		}
	}
	if read < 30 {
		t.Errorf("only %d records were read", read)
	}
}
