package claimtest

import (
	"fmt"

	"lablab/report/claims"
	"lablab/timeline"
)

// A fate is what the events show about one packet of a stream.
type fate struct {
	sent, replied     int // experiments; 0 if not
	late, unreachable bool
	dropped           bool // at least one verdict on it or its reply was a drop
}

// fates returns what the events show about each packet of a stream.
func (e *Evidence) fates(stream string) map[int]*fate {
	all := map[int]*fate{}
	of := func(seq int) *fate {
		if all[seq] == nil {
			all[seq] = &fate{}
		}
		return all[seq]
	}
	for i := range e.events {
		experiment := max(e.events[i].Experiment, 1)
		switch body := e.events[i].Body.(type) {
		case timeline.Sent:
			if body.Stream == stream {
				of(body.Seq).sent = experiment
			}
		case timeline.NotSent:
			if body.Stream == stream {
				of(body.Seq).sent = experiment
			}
		case timeline.Replied:
			if body.Stream == stream {
				of(body.Seq).replied, of(body.Seq).late = experiment, body.Late
			}
		case timeline.Unreached:
			if body.Stream == stream {
				of(body.Seq).unreachable = true
			}
		case timeline.Judged:
			for seq := body.Seq; body.Stream == stream && !body.Accepted && seq <= max(body.Seq, body.Last); seq++ {
				of(seq).dropped = true
			}
		}
	}
	return all
}

// became checks that as many packets as claimed can have had an outcome.
func (e *Evidence) became(c claims.Claim) error {
	n, dropped := 0, 0
	for _, f := range e.fates(c.Stream) {
		if f.dropped { // a message may be stuck behind an earlier one
			dropped++
		}
		if c.Experiment != 0 && c.Experiment != f.sent {
			continue
		}
		had := map[string]bool{
			"reset":   f.unreachable,
			"late":    f.late || f.replied > f.sent,
			"belated": f.replied > f.sent,
			"stalled": f.sent > 0 && f.replied != f.sent,
			"lost":    f.sent > 0 && f.replied == 0 && !f.unreachable && !f.dropped,
		}
		if had[c.Outcome] {
			n++
		}
	}
	switch {
	case c.Count < 1 || n < c.Count:
		return fmt.Errorf("%d packets can be %s, not %d", n, c.Outcome, c.Count)
	case c.Outcome == "stalled" && dropped == 0:
		return fmt.Errorf("no segment was dropped")
	}
	return nil
}
