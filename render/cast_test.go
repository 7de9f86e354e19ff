package render

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hinshun/vt10x"

	"lablab/internal/recordtest"
	"lablab/say"
	"lablab/timeline"
)

// A castEvent is an event of a cast: time, "o" for output or "m" for a marker, and text.
type castEvent struct {
	at         time.Duration
	code, text string
}

// castOf returns the events of a cast, after checking each line against the format.
func castOf(t testing.TB, r Runs) []castEvent {
	t.Helper()
	head, rest, _ := strings.Cut(written(t, "cast", r), "\n")
	var header struct {
		Version, Width, Height int
		Timestamp              int64
		Title                  string
		Env                    struct{ Term, Shell string }
	}
	decoder := json.NewDecoder(strings.NewReader(head))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&header); err != nil {
		t.Fatal(err)
	}
	if header.Version != 2 || header.Width != 80 || header.Height != 24 || header.Title == "" || header.Env.Term == "" || header.Env.Shell == "" {
		t.Errorf("header %s", head)
	}
	harmless(t, header.Title)
	var events []castEvent
	last := 0.0
	for number, line := range strings.Split(strings.TrimSuffix(rest, "\n"), "\n") {
		var at float64
		var e castEvent
		fields := []any{&at, &e.code, &e.text}
		if err := json.Unmarshal([]byte(line), &fields); err != nil || len(fields) != 3 {
			t.Fatalf("line %d: %v: %s", number+2, err, line)
		}
		if at < last || e.code != "o" && e.code != "m" || e.text == "" || !utf8.ValidString(line) {
			t.Fatalf("line %d, after %v s: %s", number+2, last, line)
		}
		if harmless(t, e.text); e.code == "m" && strings.ContainsAny(e.text, "\r\n\x1b") {
			t.Errorf("line %d: a marker of several lines: %s", number+2, line)
		}
		last, e.at = at, time.Duration(math.Round(at*1000))*time.Millisecond
		events = append(events, e)
	}
	return events
}

// harmless checks that text sends a terminal only what a replay needs: styles, lines, moves back to
// where it drew, and erasing from there.
func harmless(t testing.TB, text string) {
	t.Helper()
	rest := regexp.MustCompile(`\r?\n|\r|\x1b\[(0|1|2|31|32|33)?m|\x1b\[\d+A|\x1b\[[JK]`).ReplaceAllString(text, "")
	if strings.ContainsFunc(rest, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e }) {
		t.Errorf("%q asks something else of a terminal: %q", text, rest)
	}
}

// A screen is a terminal, n lines high, on which a cast is played.
type screen struct{ vt10x.Terminal }

func newScreen(lines int) screen {
	return screen{vt10x.New(vt10x.WithSize(castWidth, lines))}
}

func (s screen) play(t testing.TB, events []castEvent) {
	t.Helper()
	for _, e := range events {
		if e.code != "o" {
			continue
		}
		if _, err := s.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
}

// lines returns what the viewer sees, without empty lines at the bottom.
func (s screen) lines() []string {
	lines := strings.Split(s.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// plainLines returns the lines of a text without its styles.
func plainLines(text string) []string {
	return strings.Split(strings.TrimRight(regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(text, ""), "\n"), "\n")
}

// At the end the terminal shows the text report: all of it if the terminal is tall enough, and the
// last lines on one as tall as the cast says.
func TestCastShowsTheText(t *testing.T) {
	runs := map[string]Runs{"every": every(t), "nothing": {Results: []Result{ResultOf(nil)}}}
	for _, name := range []string{"ping", "cut", "interrupted", "halted"} {
		runs[name] = Runs{Results: []Result{read(t, name)}}
	}
	japanese, err := say.Speak("ja")
	if err != nil {
		t.Fatal(err)
	}
	runs["Japanese"] = Runs{Results: []Result{read(t, "ping")}, Language: japanese}
	for name, r := range runs {
		t.Run(name, func(t *testing.T) {
			cast, want := castOf(t, r), plainLines(written(t, "text", r))
			high := newScreen(len(want) + castHeight)
			high.play(t, cast)
			if diff := cmp.Diff(want, high.lines()); diff != "" {
				t.Errorf("text (-), screen (+):\n%s", diff)
			}
			real := newScreen(castHeight)
			real.play(t, cast)
			// The cursor waits on the last line.
			if diff := cmp.Diff(want[max(0, len(want)-castHeight+1):], real.lines()); diff != "" {
				t.Errorf("end of the text (-), screen (+):\n%s", diff)
			}
		})
	}
}

// Any prefix of a run can be played.
func TestCastOfEveryPrefix(t *testing.T) {
	events := recordtest.Read(t, "cut")
	for n := 1; n <= len(events); n += 23 {
		r := Runs{Results: []Result{ResultOf(events[:n])}}
		want := plainLines(written(t, "text", r))
		s := newScreen(len(want) + castHeight)
		s.play(t, castOf(t, r))
		if diff := cmp.Diff(want, s.lines()); diff != "" {
			t.Fatalf("after %d events: text (-), screen (+):\n%s", n, diff)
		}
	}
}

// What the viewer sees: the screen at each marker, and at the end.
func TestCastWatched(t *testing.T) {
	const amid = 30 * time.Second
	var b strings.Builder
	s := newScreen(castHeight)
	look := func(at time.Duration, words string) {
		fmt.Fprintf(&b, "━━━ %.1f s: %s\n%s\n", at.Seconds(), words, strings.Join(s.lines(), "\n"))
	}
	cast := castOf(t, Runs{Results: []Result{read(t, "ping")}})
	for i, e := range cast {
		switch {
		case e.code == "m":
			look(e.at, e.text)
		case e.at >= amid && cast[i-1].at < amid:
			look(e.at, "amid experiment 4")
		}
		s.play(t, cast[i:i+1])
	}
	look(cast[len(cast)-1].at, "the end")
	golden(t, "cast.txt", b.String())
}

// Each experiment and each change of a rule has a marker, worded like the progress.
func TestCastMarks(t *testing.T) {
	var got []string
	for _, e := range castOf(t, Runs{Results: []Result{read(t, "ping")}}) {
		if e.code == "m" {
			got = append(got, e.text)
		}
	}
	want := []string{
		"Experiment 1: ICMP is allowed and a ping starts",
		"Experiment 2: the ICMP rule is revoked", "rule icmp revoked on A, B",
		"Experiment 3: a second ping starts",
		"Experiment 4: the ICMP rule is restored", "rule icmp authorized on A, B",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// slower is the run of the four experiments as if everything had taken that many times as long.
func slower(t testing.TB, times float64) Result {
	t.Helper()
	events := recordtest.Read(t, "ping")
	for i := range events {
		events[i].At = time.Duration(float64(events[i].At) * times)
	}
	return ResultOf(events)
}

// A run of a tenth of a second can be followed, a run at ping's own pace keeps that pace, and an
// hour without events does not bore the viewer.
func TestCastPace(t *testing.T) {
	for _, test := range []struct {
		name    string
		r       Result
		min, to time.Duration
	}{
		{"0.1 s", slower(t, 0.01), 50 * time.Second, 60 * time.Second},
		{"6 s", slower(t, 1), 50 * time.Second, 60 * time.Second},
		{"a minute", slower(t, 10), 100 * time.Second, 110 * time.Second},
		{"a day", slower(t, 13000), time.Minute, 10 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Runs{Results: []Result{test.r}}
			cast := castOf(t, r)
			if got := cast[len(cast)-1].at; got < test.min || got > test.to {
				t.Errorf("takes %s, want %s to %s", got, test.min, test.to)
			}
			if n := len(written(t, "cast", r)); n > 128<<10 {
				t.Errorf("%d bytes", n)
			}
		})
	}
}

// A cast of a hundred thousand packets is still small enough to put on a page.
func TestCastSize(t *testing.T) {
	plan := []timeline.Plan{{Number: 1, Title: "many", Packets: 100_000}}
	events := []timeline.Event{
		{Body: timeline.Begun{Plan: plan}}, {Body: timeline.Ready{}},
		{Experiment: 1, Body: timeline.ExperimentBegun{Number: 1}},
		{Experiment: 1, Body: timeline.StreamStarted{Stream: "1", From: "B", To: "A"}},
	}
	for i := range 100_000 {
		at := time.Duration(i) * 100 * time.Millisecond
		events = append(events, timeline.Event{At: at, Experiment: 1, Body: timeline.Sent{Stream: "1", Seq: i + 1}},
			timeline.Event{At: at + time.Millisecond, Experiment: 1, Body: timeline.Replied{Stream: "1", Seq: i + 1}})
	}
	if n := len(written(t, "cast", Runs{Results: []Result{ResultOf(events)}})); n > 2<<20 {
		t.Errorf("%d bytes", n)
	}
}

// Names that contain sequences to move the cursor, set the window title or reverse the text have no
// such effect, neither in a cast nor in the text.
func TestHostileNames(t *testing.T) {
	const hostile = "\x1b]0;gone\x07\x1b[2J\x1b[8m\u009b31m\u202e\r\x00\x7fname"
	var events []timeline.Event
	for _, e := range recordtest.Read(t, "ping") {
		switch body := e.Body.(type) {
		case timeline.Begun:
			body.Title, body.Question, body.Kernel = hostile, hostile, hostile
			body.Plan = slices.Clone(body.Plan)
			body.Plan[1].Title, body.Plan[1].Do = hostile, []string{hostile}
			e.Body = body
		case timeline.RuleRevoked:
			body.ID = hostile
			e.Body = body
		}
		events = append(events, e)
	}
	r := Runs{Results: []Result{ResultOf(events)}}
	castOf(t, r) // checks every line
	harmless(t, written(t, "text", r))
	if !strings.Contains(written(t, "text", r), `\u001b]0;gone`) {
		t.Error("the name cannot be seen")
	}
}
