package report

import (
	"time"

	"lablab/timeline"
)

// A pace is how a cast turns the time of a run into its own.
type pace struct {
	stretch float64       // how many times as slow as the run, and never faster
	frame   time.Duration // at least so long between two drawings
}

// What a pace keeps to.
const (
	perPacket = 250 * time.Millisecond // can be followed with the eye
	longest   = 30 * time.Second       // that a run is stretched to
	idle      = 2 * time.Second        // that nothing happens, at most
	frame     = 50 * time.Millisecond
	frames    = 2000 // of a run, at most; more of them would make a cast large, not better
)

// paceOf stretches a run that was too fast to be followed. One that was slow enough
// is played as it was, but for the time in which nothing happened.
func paceOf(events []timeline.Event) pace {
	p := pace{stretch: 1}
	packets := 0
	var plan []timeline.Plan
	var traffic, last time.Duration
	for _, e := range events {
		if e.Experiment > 0 {
			traffic += p.between(last, e.At)
		}
		last = e.At
		switch body := e.Body.(type) {
		case timeline.Begun:
			plan = body.Plan
		case timeline.ExperimentBegun:
			if body.Number >= 1 && body.Number <= len(plan) {
				packets += plan[body.Number-1].Packets
			}
		}
	}
	if wanted := longest; traffic > 0 {
		if packets < int(longest/perPacket) {
			wanted = time.Duration(packets) * perPacket
		}
		p.stretch = max(1, wanted.Seconds()/traffic.Seconds())
	}
	var whole time.Duration
	last = 0
	for _, e := range events {
		whole += p.between(last, e.At)
		last = e.At
	}
	p.frame = max(frame, whole/frames)
	return p
}

// between is how long the time between two moments of the run takes in the cast.
func (p pace) between(a, b time.Duration) time.Duration {
	return time.Duration(max(0, min((b-a).Seconds()*p.stretch, idle.Seconds())) * float64(time.Second))
}
