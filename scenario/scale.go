package scenario

import (
	"fmt"
	"slices"
	"time"

	"lablab/sg"
)

// Scaled is the scenario as a time-lapse: every wait, and every time that
// conntrack remembers an idle flow, is multiplied by f, which is more than 0 and 1
// at most. The kernel counts whole seconds, so no timeout gets shorter than one; a
// wait that was longer than a timeout stays so. Packets go at their own pace.
func (sc *Scenario) Scaled(f float64) *Scenario {
	lapse := *sc
	if f == 1 {
		return &lapse
	}
	s := scale{factor: f, before: sc.Timeouts, after: scaledTimeouts(sc.Timeouts, f)}
	lapse.TimeScale = f
	lapse.Timeouts = s.after
	lapse.Experiments = slices.Clone(sc.Experiments)
	for i := range lapse.Experiments {
		x := &lapse.Experiments[i]
		x.Do = slices.Clone(x.Do)
		for n, action := range x.Do {
			x.Do[n] = s.action(action)
		}
	}
	return &lapse
}

// A scale goes through a scenario and knows which timeouts are in force.
type scale struct {
	factor        float64
	before, after sg.Timeouts
}

func (s *scale) action(a Action) Action {
	switch a := a.(type) {
	case Wait:
		return Wait{For: s.wait(a.For)}
	case Configure:
		if a.Timeouts == nil {
			return a
		}
		s.before, s.after = *a.Timeouts, scaledTimeouts(*a.Timeouts, s.factor)
		timeouts := s.after
		a.Timeouts = &timeouts
		return a
	}
	return a
}

// margin is by how much a wait must outlast a timeout, on a busy machine too.
const margin = time.Second

// wait is as long as d in the time-lapse.
func (s *scale) wait(d time.Duration) time.Duration {
	scaled := time.Duration(float64(d) * s.factor)
	before, after := durations(&s.before), durations(&s.after)
	for i := range before {
		if d > *before[i] {
			scaled = max(scaled, min(d, *after[i]+margin))
		}
	}
	return scaled
}

func scaledTimeouts(t sg.Timeouts, f float64) sg.Timeouts {
	t.Profile += fmt.Sprintf(" ×%v", f)
	for _, d := range durations(&t) {
		if *d > 0 {
			whole := (time.Duration(float64(*d)*f) + time.Second - 1).Truncate(time.Second)
			*d = max(whole, time.Second)
		}
	}
	return t
}

func durations(t *sg.Timeouts) []*time.Duration {
	return []*time.Duration{&t.TCPEstablished, &t.UDP, &t.UDPStream, &t.Other, &t.ICMP}
}
