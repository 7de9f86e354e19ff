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
	keep       int     // how many events are kept at least; 0 for all
	last       uint64  // number of the last event
	events     []Event // in their order; those that were forgotten leave gaps in the numbers
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
	l.last++
	l.events = append(l.events, Event{Seq: l.last, At: time.Since(l.began), Experiment: l.experiment, Body: body})
	_, l.closed = body.(Ended)
	if l.keep > 0 && len(l.events) >= 2*l.keep {
		l.events = remembered(l.events, l.keep)
	}
	// A packet has just left. To wake up the subscribers now would slow down its
	// reply; the next event will do.
	if _, left := body.(Sent); !left {
		l.wake()
	}
}

// Keep makes the log forget the oldest events, so that it never has more than twice as
// many as n: for a lab that lasts. What made the lab what it is stays: how it began, its
// rules, its hosts' groups, and the streams and entries that live. Whoever reads slowly
// may miss some; their numbers tell.
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

// Last is the number of the last event; 0 before the first.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Has is whether the log still has each event behind the one with that number, or nothing
// has happened since.
func (l *Log) Has(after uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.behind(after))) == l.last-min(after, l.last)
}

// Subscribe delivers every event, those of the past first, and closes the
// channel after the last one, or when ctx is done. A slow reader holds up nobody.
func (l *Log) Subscribe(ctx context.Context) <-chan Event { return l.SubscribeAfter(ctx, 0) }

// SubscribeAfter is Subscribe without the events up to the one with that number.
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

// behind are the events after the one with that number. l.mu is held.
func (l *Log) behind(number uint64) []Event {
	i, _ := slices.BinarySearchFunc(l.events, number, func(e Event, n uint64) int {
		if e.Seq <= n {
			return -1
		}
		return 1
	})
	return slices.Clip(l.events[i:])
}

// wake tells the subscribers. l.mu is held.
func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}
