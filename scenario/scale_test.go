package scenario

import (
	"testing"
	"time"

	"lablab/sg"
)

func TestScaled(t *testing.T) {
	short := sg.Nitro()
	short.ICMP = 4 * time.Second
	sc := FourExperiments()
	sc.Experiments[1].Do = []Action{Wait{For: 40 * time.Second}, Configure{Timeouts: &short}, Wait{For: 5 * time.Second}, Wait{For: 2 * time.Second}}
	lapse := sc.Scaled(0.1)
	if lapse.TimeScale != 0.1 {
		t.Errorf("time scale %v", lapse.TimeScale)
	}
	if got := lapse.Timeouts; got.ICMP != 3*time.Second || got.UDPStream != 18*time.Second || got.TCPEstablished != 43200*time.Second || got.Profile != "nitro ×0.1" {
		t.Errorf("timeouts %+v", got)
	}
	do := lapse.Experiments[1].Do
	// The first exceeds 3 s by as much as it exceeded 30 s. The second would otherwise end before
	// the shortest possible timeout. The third was not meant to outlast any.
	for i, want := range map[int]time.Duration{0: 4 * time.Second, 2: 2 * time.Second, 3: 200 * time.Millisecond} {
		if got := do[i].(Wait).For; got != want {
			t.Errorf("wait %d is %s, want %s", i, got, want)
		}
	}
	if got := do[1].(Configure).Timeouts.ICMP; got != time.Second {
		t.Errorf("timeout %s, want 1s", got)
	}
	if sc.Timeouts != sg.Nitro() || short.ICMP != 4*time.Second || sc.Experiments[1].Do[0] != Action(Wait{For: 40 * time.Second}) {
		t.Error("the scenario itself was changed")
	}
}

// A run at its own pace is not a time-lapse.
func TestScaledByOne(t *testing.T) {
	if lapse := FourExperiments().Scaled(1); lapse.TimeScale != 0 || lapse.Timeouts != sg.Nitro() {
		t.Errorf("%v, %+v", lapse.TimeScale, lapse.Timeouts)
	}
}

// A wait that outlasts a timeout still does at every scale, and never gets longer.
func TestScaledKeepsTheOrder(t *testing.T) {
	for _, f := range []float64{0.9, 0.5, 0.1, 0.05, 0.01, 0.001} {
		for _, wait := range []time.Duration{time.Millisecond, 29 * time.Second, 31 * time.Second, 200 * time.Second, time.Hour} {
			sc := FourExperiments()
			sc.Experiments[0].Do = append([]Action{Wait{For: wait}}, sc.Experiments[0].Do...)
			lapse := sc.Scaled(f)
			got := lapse.Experiments[0].Do[0].(Wait).For
			if (wait > sc.Timeouts.ICMP) != (got > lapse.Timeouts.ICMP) || got > wait {
				t.Errorf("×%v: %s became %s, the timeout %s", f, wait, got, lapse.Timeouts.ICMP)
			}
		}
	}
}

// On a kernel, a scenario with a factor is a time-lapse, unless it is one already. Hosts keep the order
// of their own timeouts, of keepalives and of waits.
func TestOnKernel(t *testing.T) {
	sc, found := Builtin("nat-gateway")
	if !found {
		t.Fatal("no such scenario")
	}
	lapse := sc.OnKernel()
	timeout, keepalive, wait := lapse.Hosts[1].Timeouts.TCPEstablished, lapse.Experiments[0].Do[1].(Start).Keepalive, lapse.Experiments[1].Do[0].(Wait).For
	if lapse.TimeScale != sc.Lapse || timeout != 2*time.Second || keepalive != time.Second || wait != 3*time.Second {
		t.Errorf("×%v: timeout %s, keepalive %s, wait %s", lapse.TimeScale, timeout, keepalive, wait)
	}
	if half := sc.Scaled(0.5).OnKernel(); half.TimeScale != 0.5 {
		t.Errorf("a time-lapse became another: ×%v", half.TimeScale)
	}
	if own := FourExperiments().OnKernel(); own.TimeScale != 0 {
		t.Errorf("without a factor: ×%v", own.TimeScale)
	}
	if sc.Hosts[1].Timeouts.TCPEstablished != 350*time.Second {
		t.Error("the scenario itself was changed")
	}
}
