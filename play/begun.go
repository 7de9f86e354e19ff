package play

import (
	"lablab/enforce"
	"lablab/scenario"
	"lablab/timeline"
)

// Begun returns the first event of a timeline: what the target says about itself, and the plan of
// the scenario.
func Begun(sc *scenario.Scenario, target timeline.Begun) timeline.Begun {
	b := target
	b.Scenario, b.Title, b.File, b.Question, b.TimeScale, b.Timed = sc.Name, sc.Title, sc.File, sc.Question, sc.TimeScale, true
	b.Ask, b.AskAbout = sc.Ask, sc.AskAbout
	for _, h := range sc.Hosts {
		b.Hosts = append(b.Hosts, timeline.Host{
			Name: h.Name, Address: h.Address, Groups: h.Groups, Second: h.Second, Routes: h.Routes, Forwards: h.Forwards, Masquerade: h.Masquerade, Unchecked: h.Unchecked,
			Model: enforce.Notation(h.Enforcement()), Product: h.Product,
		})
		if h.Ruleset != nil {
			of := &b.Hosts[len(b.Hosts)-1]
			of.Model, of.Ruleset = "", h.Ruleset.File
		}
	}
	for _, f := range sc.LeftOut {
		b.LeftOut = append(b.LeftOut, f.Said().String())
	}
	for i, e := range sc.Experiments {
		plan := timeline.Plan{Number: i + 1, Title: e.Title, Packets: e.For, Line: e.Line, Within: e.Within}
		for _, a := range e.Do {
			plan.Do, plan.Doing = append(plan.Do, a.Said().String()), append(plan.Doing, a.Said().Keep())
		}
		for _, x := range e.Expect {
			plan.Predicted = append(plan.Predicted, predictionOf(x))
		}
		b.Plan = append(b.Plan, plan)
	}
	return b
}

func predictionOf(x scenario.Expectation) timeline.Prediction {
	return timeline.Prediction{
		Line: x.Line, Column: x.Column,
		Stream: x.Stream, Outcome: string(x.Outcome), Received: (*timeline.Amount)(x.Received), Refused: (*timeline.Amount)(x.Refused),
		First: x.First, By: x.By, Tracked: x.Tracked,
		Host: x.Host, Flow: x.Flow, Absent: x.Absent, AdmittedBy: x.AdmittedBy, ReleasedBy: x.ReleasedBy, Hit: x.Hit, Never: x.Never,
	}
}
