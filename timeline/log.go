package timeline

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Log collects events as they happen. Its methods may be called from any goroutine.
type Log struct {
	began time.Time

	mu         sync.Mutex
	keep       int    // how many events are kept at least; 0 for all
	forgotten  uint64 // how many were forgotten
	events     []Event
	experiment int
	closed     bool
	changed    chan struct{} // closed at each change
}

// NewLog begins a log; times count from now.
func NewLog() *Log { return &Log{began: time.Now(), changed: make(chan struct{})} }

// Append records that something happened now. Ended closes the log: what
// happens after it is not recorded.
func (l *Log) Append(body Body) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if begun, ok := body.(ExperimentBegun); ok {
		l.experiment = begun.Number
	}
	l.events = append(l.events, Event{
		Seq:        l.forgotten + uint64(len(l.events)) + 1,
		At:         time.Since(l.began),
		Experiment: l.experiment,
		Body:       body,
	})
	_, l.closed = body.(Ended)
	if l.keep > 0 && len(l.events) >= 2*l.keep {
		l.forgotten += uint64(len(l.events) - l.keep)
		l.events = slices.Clone(l.events[len(l.events)-l.keep:])
	}
	// A packet has just left. To wake up the subscribers now would slow down its
	// reply; the next event will do.
	if _, left := body.(Sent); !left {
		l.wake()
	}
}

// Keep makes the log forget the oldest events, so that it never has more than twice as
// many as n: for a lab that lasts. Whoever reads slowly may miss some; their numbers tell.
func (l *Log) Keep(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep = n
}

// Events are all events so far that were not forgotten.
func (l *Log) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.events)
}

// Subscribe delivers every event, those of the past first, and closes the
// channel after the last one, or when ctx is done. A slow reader holds up nobody.
func (l *Log) Subscribe(ctx context.Context) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		for next := uint64(0); ; {
			l.mu.Lock()
			next = max(next, l.forgotten)
			fresh, closed, changed := l.events[next-l.forgotten:], l.closed, l.changed
			l.mu.Unlock()
			for _, e := range fresh {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
			next += uint64(len(fresh))
			if closed && len(fresh) == 0 {
				return
			}
			if len(fresh) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// wake tells the subscribers. l.mu is held.
func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}
