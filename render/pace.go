package render

import (
	"time"

	"lablab/timeline"
)

// A pace converts the time of a run into the time of a cast.
type pace struct {
	stretch float64       // how many times slower than the run; at least 1
	frame   time.Duration // minimum time between two drawings
}

// Limits of a pace.
const (
	perPacket = 250 * time.Millisecond // slow enough for the eye to follow
	longest   = 30 * time.Second       // maximum length of a stretched run
	idle      = 2 * time.Second        // maximum time without an event
	frame     = 50 * time.Millisecond
	frames    = 2000 // maximum number per run: more would make a cast larger, not better
)

// paceOf stretches a run that was too fast to follow. A slower one keeps its pace, except that idle
// time is cut.
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

// between returns how long the time between two moments of the run takes in the cast.
func (p pace) between(a, b time.Duration) time.Duration {
	return time.Duration(max(0, min((b-a).Seconds()*p.stretch, idle.Seconds())) * float64(time.Second))
}
