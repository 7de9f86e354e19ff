package sim

import (
	"lablab/say"
	"lablab/scenario"
)

// Check returns where a scenario needs what memory does not have, as scenario.Problems, or nil.
func Check(sc *scenario.Scenario) error {
	problems := &scenario.Problems{File: sc.File}
	for program := range sc.Programs() {
		problems.List = append(problems.List, scenario.Problem{
			File: sc.File, Place: program.Place,
			Text: say.F("a simulated host runs no programs: %s", program.Line()),
			Hint: say.F("run the scenario on a kernel, without --target sim"),
		})
	}
	for _, h := range sc.Hosts {
		if h.Ruleset != nil {
			problems.List = append(problems.List, scenario.Problem{
				File: sc.File, Place: h.Ruleset.Place,
				Text: say.F("%s has a ruleset of its own, which cannot be simulated", h.Name),
				Hint: say.F("run the scenario on a kernel, without --target sim"),
			})
		}
	}
	if len(problems.List) == 0 {
		return nil
	}
	return problems
}
