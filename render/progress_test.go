package render

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/report"
	"lablab/timeline"
)

func TestProgressElsewhere(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&colorprofile.Writer{Forward: &b, Profile: colorprofile.NoTTY}, nil, nil, nil)
	for _, e := range recordtest.Read(t, "ping") {
		p.Add(e)
		p.Draw()
	}
	p.Clear()
	golden(t, "progress.txt", b.String())
}

// In a kept lab every action is reported, although no experiment is running.
func TestProgressOfKeptLab(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&colorprofile.Writer{Forward: &b, Profile: colorprofile.NoTTY}, nil, nil, nil)
	for _, body := range byHand {
		p.Add(timeline.Event{Body: body})
	}
	for _, body := range []timeline.Body{timeline.Ended{}, timeline.Begun{Scenario: "established", Kernel: "Linux"}} {
		p.Add(timeline.Event{Body: body})
	}
	golden(t, "kept.txt", b.String())
}

func TestProgressInPlace(t *testing.T) {
	const width = 40
	var screen bytes.Buffer
	p := NewProgress(&colorprofile.Writer{Profile: colorprofile.ANSI}, &screen, func() (int, int) { return width, 24 }, nil)
	events := recordtest.Read(t, "ping")
	for _, e := range events {
		p.Add(e)
		p.Draw()
	}
	frames := strings.Count(screen.String(), "\x1b[J")
	p.Draw()
	if again := strings.Count(screen.String(), "\x1b[J"); again != frames {
		t.Error("what had not changed was drawn again")
	}
	p.Clear()
	below := 0 // lines between the start of the drawing and the cursor
	for _, step := range regexp.MustCompile(`\x1b\[(\d+)A|\n`).FindAllStringSubmatch(screen.String(), -1) {
		if step[1] == "" {
			below++
			continue
		}
		up, _ := strconv.Atoi(step[1])
		if below -= up; below != 0 {
			t.Fatalf("drawn again %d lines below the place where it was", below)
		}
	}
	for _, line := range strings.Split(regexp.MustCompile("\x1b\\[[0-9;]*[a-zA-Z]").ReplaceAllString(screen.String(), ""), "\n") {
		if n := len([]rune(strings.Trim(line, "\r"))); n >= width {
			t.Errorf("%d columns in %q: a terminal of %d might wrap", n, line, width)
		}
	}
}

// A terminal that was narrowed may have wrapped the drawing, and moving up would spoil the text
// above. On a terminal that is too short nothing is drawn.
func TestProgressOnChangingTerminal(t *testing.T) {
	var screen bytes.Buffer
	width, height := 80, 24
	p := NewProgress(&colorprofile.Writer{Profile: colorprofile.NoTTY}, &screen, func() (int, int) { return width, height }, nil)
	for _, e := range recordtest.Read(t, "ping")[:100] {
		p.Add(e)
	}
	p.Draw()
	screen.Reset()
	width = 40
	p.Draw()
	if regexp.MustCompile(`\x1b\[\d+A`).MatchString(screen.String()) || screen.Len() == 0 {
		t.Errorf("drawn as %q", screen.String())
	}
	screen.Reset()
	width, height = 70, 3
	p.Draw()
	if screen.Len() > 0 {
		t.Errorf("drawn on three lines: %q", screen.String())
	}
}

// What the progress says about a packet agrees with the final report.
func TestProgressAgreesWithTheReport(t *testing.T) {
	tcp := timeline.StreamStarted{Stream: "1", Protocol: packet.TCP, Port: 22, From: "B", To: "A"}
	dropped := func(seq int, d packet.Direction, host string) timeline.Judged {
		return timeline.Judged{Host: host, Direction: d, Stream: "1", Seq: seq, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}}
	}
	connected := []timeline.Body{tcp, timeline.Sent{Stream: "1", Seq: 1, Connecting: true}, timeline.Connected{Stream: "1", Seq: 1}, timeline.Replied{Stream: "1", Seq: 1}}
	for name, test := range map[string]struct {
		bodies []timeline.Body
		want   []report.Outcome
		last   string // last line
	}{
		"a message in a connection": {append(slices.Clip(connected), timeline.Sent{Stream: "1", Seq: 2}, timeline.Sent{Stream: "1", Seq: 3}, dropped(2, packet.Ingress, "A")),
			[]report.Outcome{report.Replied, report.Stalled, report.Stalled}, "stream 1: stalled from packet 2 on"},
		"an attempt to connect": {[]timeline.Body{tcp, timeline.Sent{Stream: "1", Seq: 1, Connecting: true}, dropped(1, packet.Ingress, "A")},
			[]report.Outcome{report.Refused}, "stream 1: dropped from packet 1 on"},
		"the verdict comes first": {[]timeline.Body{tcp, dropped(1, packet.Ingress, "A"), timeline.Sent{Stream: "1", Seq: 1, Connecting: true}},
			[]report.Outcome{report.Refused}, "stream 1: dropped from packet 1 on"},
		"a packet that does not leave": {[]timeline.Body{timeline.StreamStarted{Stream: "1", Protocol: packet.UDP, Port: 53, From: "B", To: "A"}, dropped(1, packet.Egress, "B"), timeline.NotSent{Stream: "1", Seq: 1, Local: true}},
			[]report.Outcome{report.Refused}, "stream 1: dropped from packet 1 on"},
		"a message that is sent again": {append(slices.Clip(connected), timeline.Sent{Stream: "1", Seq: 2}, dropped(2, packet.Ingress, "A"), timeline.Replied{Stream: "1", Seq: 2}),
			[]report.Outcome{report.Replied, report.Replied}, "stream 1: answered from packet 2 on"},
	} {
		var b bytes.Buffer
		p := NewProgress(&colorprofile.Writer{Forward: &b, Profile: colorprofile.NoTTY}, nil, nil, nil)
		var events []timeline.Event
		bodies := append([]timeline.Body{timeline.Begun{Plan: []timeline.Plan{{Number: 1, Packets: len(test.want)}}}, timeline.Ready{}, timeline.ExperimentBegun{Number: 1}}, test.bodies...)
		for i, body := range bodies {
			e := timeline.Event{Seq: uint64(i + 1), Experiment: 1, Body: body}
			p.Add(e)
			events = append(events, e)
		}
		var reported []report.Outcome
		for _, packet := range report.Of(append(events, timeline.Event{Experiment: 1, Body: timeline.ExperimentEnded{Number: 1}})).Streams[0].Packets {
			reported = append(reported, packet.Outcome)
		}
		if _, shown := p.known.In(1, "1", 80); !slices.Equal(shown, test.want) || !slices.Equal(reported, test.want) {
			t.Errorf("%s: progress says %v, the report %v, want %v", name, shown, reported, test.want)
		}
		if lines := strings.TrimSpace(b.String()); !strings.HasSuffix(lines, test.last) {
			t.Errorf("%s: the last line is not %q:\n%s", name, test.last, lines)
		}
	}
}
