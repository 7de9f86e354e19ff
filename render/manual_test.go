package render

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"

	"lablab/flow"
	"lablab/packet"
	"lablab/report"
	"lablab/timeline"
)

// session is a session by hand, as lablab record writes it.
func session() []timeline.Event {
	var events []timeline.Event
	experiment := 0
	add := func(body timeline.Body) {
		n := len(events)
		events = append(events, timeline.Event{Seq: uint64(n + 1), At: time.Duration(n) * 300 * time.Millisecond, Experiment: experiment, Body: body})
	}
	for _, body := range byHand {
		switch begun := body.(type) {
		case timeline.Begun:
			begun.Plan = []timeline.Plan{{Number: 1, Title: "changes made by hand"}}
			body = begun
		case timeline.Cut:
			add(body)
			events[len(events)-1].At = 4900 * time.Millisecond // one command
			continue
		}
		add(body)
		if _, ready := body.(timeline.Ready); ready {
			experiment = 1
			add(timeline.ExperimentBegun{Number: 1})
		}
	}
	var key packet.Key
	for _, body := range byHand {
		if cut, ok := body.(timeline.Cut); ok {
			key = cut.Flow
		}
	}
	add(timeline.Dumped{Host: "A", Entries: []flow.Entry{{ID: 5, Orig: key, Mark: 3, Status: []string{"SEEN_REPLY"}}}})
	add(timeline.ExperimentEnded{Number: 1})
	add(timeline.Ended{})
	return events
}

// The report lists what was done by hand in order, with the time and the result.
func TestSession(t *testing.T) {
	golden(t, "session.txt", written(t, "text", Runs{Results: []Result{ResultOf(session())}}))
}

// A replay reports each action as it happens, with the time: one line each, or in place.
func TestProgressOfSession(t *testing.T) {
	var b, screen bytes.Buffer
	lines := NewProgress(&colorprofile.Writer{Forward: &b, Profile: colorprofile.NoTTY}, nil, nil, nil)
	place := NewProgress(&colorprofile.Writer{Profile: colorprofile.NoTTY}, &screen, func() (int, int) { return 80, 24 }, nil)
	for _, e := range session() {
		lines.Add(e)
		place.Add(e)
		place.Draw()
	}
	for _, want := range []string{"1.5 s  revoke rule icmp of group lab\n", "s  start stream 1: ping A from B\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing: %q in\n%s", want, b.String())
		}
		if drawn := strings.ReplaceAll(screen.String(), "\x1b[K", ""); !strings.Contains(drawn, want) {
			t.Errorf("not drawn: %q", want)
		}
	}
	if n := strings.Count(b.String(), "icmp of group lab"); n != 1 {
		t.Errorf("the rule is revoked %d times in\n%s", n, b.String())
	}
}

// No format claims that something held when nothing was predicted; and nothing counts as wrong.
func TestSessionClaimsNothing(t *testing.T) {
	r := ResultOf(session())
	if r.Held || r.Verdict() != report.Unpredicted || len(r.Points()) > 0 {
		t.Errorf("held %v, %s, %v", r.Held, r.Verdict(), r.Points())
	}
	one := Runs{Results: []Result{r}}
	for format, want := range map[string]string{
		"text": "No predictions were made.", "json": `"held": false`, "markdown": "**No predictions were made.**",
		"junit": `value="unpredicted"`, "tap": "1..0 # SKIP no predictions",
	} {
		if got := written(t, format, one); !strings.Contains(got, want) || strings.Contains(got, "s as predicted") {
			t.Errorf("%s:\n%s", format, got)
		}
	}
	if sum, want := one.Sum().String(), "1 scenario: 1 unpredicted"; sum != want {
		t.Errorf("%q, want %q", sum, want)
	}
}

// The exit code of a program is a prediction too.
func TestExitCodeIsPredicted(t *testing.T) {
	events := session()
	ran := timeline.Event{Experiment: 1, Body: timeline.Ran{Host: "A", Command: []string{"false"}, Exit: 1, Output: "10%\r100%\r\nno\n"}}
	events = slices.Insert(events, len(events)-2, ran)
	r := ResultOf(events)
	if r.Verdict() != report.NotHeld {
		t.Errorf("it is %s", r.Verdict())
	}
	text := written(t, "text", Runs{Results: []Result{r}})
	for _, want := range []string{"host A exit code 0 of false exit code 1 \x1b[31mNO", "1: 100% no"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}
