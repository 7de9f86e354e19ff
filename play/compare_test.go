package play_test

import (
	"context"
	"errors"
	"testing"

	"lablab/enforce"
	"lablab/play"
	"lablab/scenario"
	"lablab/sim"
	"lablab/timeline"
)

// A scenario runs under each model, in the order of the models, and some it cannot run under.
func TestCompare(t *testing.T) {
	var models []enforce.Choice
	for _, word := range []string{"keep", "tied", "cut-all"} {
		m, err := enforce.Parse(word)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	sc, _ := scenario.Builtin("nat")
	target := func(*scenario.Scenario) play.Target { return sim.Target{Interval: 1} }
	for _, jobs := range []int{1, 8} {
		runs := play.Compare(t.Context(), sc, models, jobs, target)
		for i, run := range runs {
			if run.Model != models[i] || (run.Err == nil) != (i != 1) || (run.Events == nil) != (i == 1) {
				t.Fatalf("run %d is of %s, with %d events: %v", i, run.Model, len(run.Events), run.Err)
			}
			if i != 1 && run.Events[0].Body.(timeline.Begun).Hosts[0].Model != run.Model.String() {
				t.Errorf("model %s: the hosts are %+v", run.Model, run.Events[0].Body.(timeline.Begun).Hosts)
			}
		}
	}
	if sc.Hosts[0].Enforcement() != enforce.Default() {
		t.Error("the scenario itself has changed")
	}
	failing := func(*scenario.Scenario) play.Target { return failingTarget{} }
	if run := play.Compare(t.Context(), sc, models[:1], 1, failing)[0]; run.Err == nil || len(run.Events) == 0 {
		t.Errorf("a run that failed has %d events: %v", len(run.Events), run.Err)
	}
}

type failingTarget struct{ play.Target }

func (failingTarget) Build(context.Context, *scenario.Scenario, *timeline.Log) (play.Session, error) {
	return nil, errors.New("it cannot be built")
}
