package lab

import (
	"lablab/enforce"
	"lablab/say"
	"lablab/scenario"
)

// Check returns where a scenario needs what this target does not enforce, as scenario.Problems, or
// nil.
func Check(sc *scenario.Scenario) error {
	problems := &scenario.Problems{File: sc.File}
	for _, h := range sc.Hosts {
		if m := h.Enforcement().Traits().Name; m != enforce.Default().Traits().Name {
			problems.List = append(problems.List, scenario.Problem{
				File: sc.File, Place: h.At,
				Text: say.F("the hosts of a kernel lab have model %s only, and %s has %s", say.As(enforce.Default().Traits().Name), h.Name, say.As(m)),
				Hint: say.F("simulate it: lablab run --target sim"),
			})
		}
	}
	if len(problems.List) == 0 {
		return nil
	}
	return problems
}
