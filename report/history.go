package report

import (
	"time"

	"lablab/timeline"
)

// A history is what explanations rest on, apart from the packets: the conntrack entries, and what the
// groups allowed.
type history struct {
	now    when // the last event
	lives  *lives
	policy *policy
}

// A when is a place in the timeline.
type when struct {
	seq        uint64 // number of the event, as counted by the reader
	at         time.Duration
	experiment int
}

// happened reports whether there is such a place.
func (w when) happened() bool { return w.seq > 0 }

func newHistory() history { return history{lives: newLives(), policy: newPolicy()} }

func (h *history) add(e timeline.Event) {
	h.now = when{h.now.seq + 1, e.At, e.Experiment}
	h.lives.add(h.now, e.Body)
	h.policy.add(h.now, e.Body)
}
