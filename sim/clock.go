package sim

import (
	"container/heap"
	"time"
)

// A clock is virtual time: it jumps from one timer to the next.
type clock struct {
	now  time.Duration // since the session began
	set  timers
	last uint64 // the number of the last timer: those of one moment keep their order
}

// A timer is something to do at some moment.
type timer struct {
	at     time.Duration
	number uint64
	do     func()
}

// after does something later.
func (c *clock) after(d time.Duration, do func()) *timer {
	c.last++
	a := &timer{c.now + d, c.last, do}
	heap.Push(&c.set, a)
	return a
}

// cancel makes the timer do nothing. A nil timer is already cancelled.
func (a *timer) cancel() {
	if a != nil {
		a.do = nil
	}
}

// step jumps to the next timer, unless that is after the limit, and reports whether it did.
func (c *clock) step(limit time.Duration) bool {
	for len(c.set) > 0 && c.set[0].at <= limit {
		a := heap.Pop(&c.set).(*timer)
		if a.do == nil {
			continue
		}
		c.now = a.at
		a.do()
		return true
	}
	return false
}

// pass lets d pass, with all timers that expire in it.
func (c *clock) pass(d time.Duration) {
	until := c.now + d
	for c.step(until) {
	}
	c.now = until
}

// timers is a heap, the earliest first.
type timers []*timer

func (l timers) Len() int { return len(l) }

func (l timers) Less(i, j int) bool {
	if l[i].at != l[j].at {
		return l[i].at < l[j].at
	}
	return l[i].number < l[j].number
}

func (l timers) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

func (l *timers) Push(a any) { *l = append(*l, a.(*timer)) }

func (l *timers) Pop() any {
	last := len(*l) - 1
	a := (*l)[last]
	*l = (*l)[:last]
	return a
}
