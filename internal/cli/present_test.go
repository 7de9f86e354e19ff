package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"

	"lablab/internal/recordtest"
	"lablab/render"
	"lablab/report"
	"lablab/timeline"
)

// A panic while a run is shown reaches the caller, who makes an error of it.
func TestPanicWhilePresenting(t *testing.T) {
	p := &presenter{known: report.NewBuilder(), pause: func(int) { panic("on purpose") }}
	events := make(chan timeline.Event)
	go again(t.Context(), recordtest.Read(t, "ping"), 0, events)
	defer func() {
		if got := recover(); got != "on purpose" {
			t.Errorf("recovered %v", got)
		}
	}()
	_, err := p.present(events)
	t.Errorf("no panic, %v", err)
}

// A user who waits for a kernel that loads a module learns why.
func TestSlowKernel(t *testing.T) {
	t.Parallel()
	record := recordtest.Read(t, "ping")
	said := make(chan string, 100)
	p := &presenter{known: report.NewBuilder(), patience: time.Millisecond, progress: render.NewProgress(&colorprofile.Writer{Forward: told(said)}, nil, nil, nil)}
	events := make(chan timeline.Event)
	go func() {
		defer close(events)
		events <- record[0]
		for line := range said {
			if strings.HasPrefix(line, "the kernel has not answered for a while") {
				return
			}
		}
	}()
	if _, err := p.present(events); err != nil {
		t.Fatal(err)
	}
}

// told receives what is written.
type told chan string

func (l told) Write(text []byte) (int, error) {
	l <- string(text)
	return len(text), nil
}
