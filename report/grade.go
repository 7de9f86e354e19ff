package report

import (
	"slices"

	"lablab/say"
	"lablab/timeline"
)

// A Grade says on what a claim rests.
type Grade string

// The grades.
const (
	Proved    Grade = "proved"    // on what the kernel reported: verdicts and conntrack entries
	Observed  Grade = "observed"  // on what the sender or a program saw: some of that is missing
	Simulated Grade = "simulated" // on a simulation
)

// In returns the grade in a language.
func (g Grade) In(l *say.Language) string {
	words := map[Grade]say.Sentence{Proved: say.F("proved"), Observed: say.F("observed only"), Simulated: say.F("simulated")}
	return words[g].In(l)
}

// grade returns the grade of a claim for which the target must report such evidence, and did if seen.
func (b *Builder) grade(what timeline.Evidence, seen bool) Grade {
	switch {
	case b.report.Simulated():
		return Simulated
	case seen && slices.Contains(b.evidence, what):
		return Proved
	}
	return Observed
}

// gradeOf returns the grade of what became of a stream's packets in an experiment.
func (b *Builder) gradeOf(stream string, experiment int) Grade {
	return b.grade(timeline.MissedVerdicts, !slices.ContainsFunc(b.packets[stream], func(j *journey) bool {
		return j.Experiment == experiment && j.Outcome != "" && !j.proved()
	}))
}

// proved reports whether the verdicts on a packet show its outcome. That no reply came is not shown by
// packets that were accepted.
func (j *journey) proved() bool {
	if j.Outcome == Stalled { // which it is only if a segment of its connection was seen to be dropped
		return true
	}
	return j.Outcome != Lost && j.Outcome != Waiting && len(j.verdicts) > 0 && j.missing() == 0
}
