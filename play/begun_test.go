package play_test

import (
	"reflect"
	"testing"

	"lablab/play"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// The first event of a timeline has everything that the scenario and the target say.
func TestBegun(t *testing.T) {
	sc, err := scenario.Load("../lab/testdata/odd/held/two-routers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sc.TimeScale, sc.Question, sc.Ask, sc.AskAbout = 0.5, "Does it?", 1, "1"
	sc.LeftOut = []sg.Finding{{Group: "pass", Rule: "pass-in", Reason: say.F("was not read")}}
	sc.Experiments[0].Within = 1
	b := play.Begun(sc, timeline.Begun{Version: "1", Kernel: "none", Target: timeline.InMemory, Evidence: timeline.AllEvidence(), Rootless: true, Interval: 1})
	for _, of := range []any{b, b.Plan[0]} {
		v := reflect.ValueOf(of)
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; {
			case name == "Started": // the target's
			case v.Field(i).IsZero():
				t.Errorf("%s.%s is not set", v.Type().Name(), name)
			}
		}
	}
	nat, r := b.Hosts[1], b.Hosts[2]
	if !nat.Masquerade || !nat.Forwards || !nat.Unchecked || !nat.Second.IsValid() || len(nat.Routes) != 1 || r.Masquerade {
		t.Errorf("hosts %+v", b.Hosts)
	}
	if len(b.LeftOut) != 1 || b.LeftOut[0] != sc.LeftOut[0].Said().String() {
		t.Errorf("left out: %q", b.LeftOut)
	}
}
