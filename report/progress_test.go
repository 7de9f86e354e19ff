package report

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"

	"lablab/timeline"
)

func TestProgressElsewhere(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&colorprofile.Writer{Forward: &b, Profile: colorprofile.NoTTY}, nil, nil, nil)
	for _, e := range recorded(t, "ping") {
		p.Add(e)
		p.Draw()
	}
	p.Clear()
	golden(t, "progress.txt", b.String())
}

// Of a lab that is kept, everything that is done in it is told, though no experiment goes on.
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
	events := recorded(t, "ping")
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
	below := 0 // lines between the place where drawing began and the cursor
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

// A terminal that was made narrower may have wrapped what was drawn, so that
// going back up would spoil what stands above. On one that is too low nothing is drawn.
func TestProgressOnChangingTerminal(t *testing.T) {
	var screen bytes.Buffer
	width, height := 80, 24
	p := NewProgress(&colorprofile.Writer{Profile: colorprofile.NoTTY}, &screen, func() (int, int) { return width, height }, nil)
	for _, e := range recorded(t, "ping")[:100] {
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
