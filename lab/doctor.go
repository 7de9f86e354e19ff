package lab

import "lablab/say"

// A Diagnosis says what a machine can do, found by trying it.
type Diagnosis struct {
	Kernel   string
	Rootless bool // tried in a user namespace
	Findings []Finding
}

// A Finding is the result of one trial.
type Finding struct {
	Name   string
	Status Status
	Found  say.Sentence
	Hint   say.Sentence // how to fix it, if it needs fixing
	// Needed is whether every scenario depends on it.
	Needed bool
}

// A Status is the outcome of a trial.
type Status string

// The outcomes of a trial.
const (
	Works    Status = "ok"
	Degraded Status = "degraded" // works, with limitations
	Missing  Status = "missing"
	NotTried Status = "not tried" // because a prerequisite is missing
)

// Able reports whether the machine can run scenarios.
func (d Diagnosis) Able() bool {
	for _, f := range d.Findings {
		if f.Needed && f.Status != Works && f.Status != Degraded {
			return false
		}
	}
	return true
}
