package control

import (
	"bytes"
	"context"
	"sync"
	"time"

	"lablab/report"
	"lablab/timeline"
)

// An explained timeline is the report that all who ask are given: it is made again when
// something has happened since, but once a second at most, and a long one more seldom.
type explained struct {
	mu   sync.Mutex
	last uint64    // the event that it knows of last
	due  time.Time // when it may be made again
	text []byte
}

// of is the report of all that has happened until somebody asked, or later.
func (x *explained) of(ctx context.Context, log *timeline.Log) ([]byte, error) {
	asked := log.Last()
	for {
		x.mu.Lock()
		wait := time.Until(x.due)
		if x.last < asked && wait <= 0 {
			x.make(log)
		}
		last, text := x.last, x.text
		x.mu.Unlock()
		if last >= asked {
			return text, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// make makes the report. x.mu is held.
func (x *explained) make(log *timeline.Log) {
	const (
		often = time.Second
		share = 10 // of the time, that it may take
	)
	began := time.Now()
	events := log.Events()
	var text bytes.Buffer
	_ = report.JSON(&text, report.Of(events)) // a buffer takes everything
	x.text, x.last = text.Bytes(), events[len(events)-1].Seq
	x.due = time.Now().Add(max(often, share*time.Since(began)))
}
