package timeline

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A Log collects events as they happen. Its methods may be called from any goroutine.
type Log struct {
	passed func() time.Duration // since the log began

	mu         sync.Mutex
	keep       int     // minimum number of events to keep; 0 for all
	last       uint64  // number of the last event
	events     []Event // in order; forgotten events leave gaps in the numbers
	experiment int
	closed     bool
	changed    chan struct{} // closed on each change
}

// NewLog starts a log. Times count from now.
func NewLog() *Log {
	began := time.Now()
	return &Log{passed: func() time.Duration { return time.Since(began) }, changed: make(chan struct{})}
}

// KeepTime makes times those of another clock, which says how much time has passed since it began. It
// is called before the first event.
func (l *Log) KeepTime(passed func() time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed = passed
}

// Append records that something happened now. Ended closes the log: later events are not recorded.
func (l *Log) Append(body Body) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if begun, ok := body.(ExperimentBegun); ok {
		l.experiment = begun.Number
	}
	l.last++
	l.events = append(l.events, Event{Seq: l.last, At: l.passed(), Experiment: l.experiment, Body: body})
	_, l.closed = body.(Ended)
	if l.keep > 0 && len(l.events) >= 2*l.keep {
		l.events = remembered(l.events, l.keep)
	}
	// A packet has just left. Waking the subscribers now would delay its reply; the next event
	// wakes them.
	if _, left := body.(Sent); !left {
		l.wake()
	}
}

// Keep makes the log forget its oldest events, so that a long-lived lab never holds more than twice
// n. It keeps the events that define the lab: its beginning, its rules, the groups of its hosts,
// and live streams and entries. A slow reader may miss some events and sees that from the gaps in
// their numbers.
func (l *Log) Keep(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep = n
}

// Events returns all events that have not been forgotten.
func (l *Log) Events() []Event { return l.After(0) }

// After returns the events after the one with that number, as far as they have not been forgotten.
func (l *Log) After(number uint64) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behind(number)
}

// Last returns the number of the last event; 0 before the first.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Has reports whether the log still has every event after the one with that number.
func (l *Log) Has(after uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.behind(after))) == l.last-min(after, l.last)
}

// Subscribe delivers every event, starting with past ones. It closes the channel after the last
// event, or when ctx is done. A slow reader delays no other.
func (l *Log) Subscribe(ctx context.Context) <-chan Event { return l.SubscribeAfter(ctx, 0) }

// SubscribeAfter is Subscribe without the events up to and including the one with that number.
func (l *Log) SubscribeAfter(ctx context.Context, after uint64) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		for {
			l.mu.Lock()
			fresh, closed, changed := l.behind(after), l.closed, l.changed
			l.mu.Unlock()
			for _, e := range fresh {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
				after = e.Seq
			}
			switch {
			case len(fresh) > 0:
				continue
			case closed:
				return
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

// behind returns the events after the one with that number. The caller holds l.mu.
func (l *Log) behind(number uint64) []Event {
	i, _ := slices.BinarySearchFunc(l.events, number, func(e Event, n uint64) int {
		if e.Seq <= n {
			return -1
		}
		return 1
	})
	return slices.Clip(l.events[i:])
}

// wake wakes the subscribers. The caller holds l.mu.
func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}
