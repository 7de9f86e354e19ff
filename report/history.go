package report

import "lablab/timeline"

// A history is what explanations rest on, apart from the packets: the conntrack entries, and what the
// groups allowed.
type history struct {
	now    when // the last event
	lives  *lives
	policy *policy
}

func newHistory() history { return history{lives: newLives(), policy: newPolicy()} }

func (h *history) add(e timeline.Event) {
	h.now = when{h.now.seq + 1, e.At, e.Experiment}
	h.lives.add(h.now, e.Body)
	h.policy.add(h.now, e.Body)
}
