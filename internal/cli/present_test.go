package cli

import (
	"testing"

	"lablab/internal/recordtest"
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
