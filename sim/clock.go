package sim

import (
	"container/heap"
	"time"
)

// A clock is virtual time: it jumps from one alarm to the next.
type clock struct {
	now  time.Duration // since the session began
	set  alarms
	last uint64 // the number of the last alarm: those of one moment keep their order
}

// An alarm is something to do at a moment.
type alarm struct {
	at     time.Duration
	number uint64
	do     func()
}

// after has something done later.
func (c *clock) after(d time.Duration, do func()) *alarm {
	c.last++
	a := &alarm{c.now + d, c.last, do}
	heap.Push(&c.set, a)
	return a
}

// cancel makes the alarm do nothing. A nil alarm is already cancelled.
func (a *alarm) cancel() {
	if a != nil {
		a.do = nil
	}
}

// step jumps to the next alarm, unless that is after the limit, and reports whether it did.
func (c *clock) step(limit time.Duration) bool {
	for len(c.set) > 0 && c.set[0].at <= limit {
		a := heap.Pop(&c.set).(*alarm)
		if a.do == nil {
			continue
		}
		c.now = a.at
		a.do()
		return true
	}
	return false
}

// pass lets d pass, with all its alarms.
func (c *clock) pass(d time.Duration) {
	until := c.now + d
	for c.step(until) {
	}
	c.now = until
}

// alarms is a heap, the earliest first.
type alarms []*alarm

func (l alarms) Len() int { return len(l) }

func (l alarms) Less(i, j int) bool {
	if l[i].at != l[j].at {
		return l[i].at < l[j].at
	}
	return l[i].number < l[j].number
}

func (l alarms) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

func (l *alarms) Push(a any) { *l = append(*l, a.(*alarm)) }

func (l *alarms) Pop() any {
	last := len(*l) - 1
	a := (*l)[last]
	*l = (*l)[:last]
	return a
}
