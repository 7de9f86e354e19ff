package scenario

import (
	"fmt"
	"slices"
	"time"

	"lablab/sg"
)

// OnKernel returns the scenario as it runs on a kernel, whose clock does not jump: as a time-lapse, if
// it has a factor for that.
func (sc *Scenario) OnKernel() *Scenario {
	if sc.Lapse == 0 || sc.TimeScale != 0 {
		return sc
	}
	return sc.Scaled(sc.Lapse)
}

// Scaled returns the scenario as a time-lapse: it multiplies every wait and every conntrack timeout
// by f, with 0 < f ≤ 1. The kernel counts whole seconds, so no timeout drops below one second. A
// wait that was longer than a timeout stays longer. Packets keep their own pace.
func (sc *Scenario) Scaled(f float64) *Scenario {
	lapse := *sc
	if f == 1 {
		return &lapse
	}
	s := scale{factor: f, before: sc.Timeouts, after: scaledTimeouts(sc.Timeouts, f)}
	lapse.TimeScale = f
	lapse.Timeouts = s.after
	lapse.Hosts = slices.Clone(sc.Hosts)
	for i, h := range lapse.Hosts {
		if h.Timeouts != nil {
			own := scaledTimeouts(*h.Timeouts, f)
			s.hosts = append(s.hosts, [2]sg.Timeouts{*h.Timeouts, own})
			lapse.Hosts[i].Timeouts = &own
		}
	}
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

// A scale goes through a scenario and tracks the timeouts in force.
type scale struct {
	factor        float64
	before, after sg.Timeouts
	hosts         [][2]sg.Timeouts // of those that have their own
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
	case Start:
		if a.Keepalive > 0 {
			a.Keepalive = inSeconds(a.Keepalive, s.factor)
		}
		return a
	}
	return a
}

// margin is how much longer than a timeout a wait must be, even on a busy machine.
const margin = time.Second

// wait returns how long d is in the time-lapse.
func (s *scale) wait(d time.Duration) time.Duration {
	scaled := time.Duration(float64(d) * s.factor)
	for _, pair := range append([][2]sg.Timeouts{{s.before, s.after}}, s.hosts...) {
		before, after := durations(&pair[0]), durations(&pair[1])
		for i := range before {
			if d > *before[i] {
				scaled = max(scaled, min(d, *after[i]+margin))
			}
		}
	}
	return scaled
}

// inSeconds scales a time that the kernel counts in whole seconds.
func inSeconds(d time.Duration, f float64) time.Duration {
	whole := (time.Duration(float64(d)*f) + time.Second - 1).Truncate(time.Second)
	return max(whole, time.Second)
}

func scaledTimeouts(t sg.Timeouts, f float64) sg.Timeouts {
	t.Profile += fmt.Sprintf(" ×%v", f)
	for _, d := range durations(&t) {
		if *d > 0 {
			*d = inSeconds(*d, f)
		}
	}
	return t
}

func durations(t *sg.Timeouts) []*time.Duration {
	return []*time.Duration{&t.TCPEstablished, &t.UDP, &t.UDPStream, &t.Other, &t.ICMP}
}
