package lab

import "lablab/say"

// A Diagnosis is what a machine can do, found by trying.
type Diagnosis struct {
	Kernel   string
	Rootless bool // tried in a user namespace
	Findings []Finding
}

// A Finding is what one trial came to.
type Finding struct {
	Name   string
	Status Status
	Found  say.Sentence
	Hint   say.Sentence // the way out, where one is needed
	// Needed is whether no scenario at all can be played without it.
	Needed bool
}

// A Status is how a trial ended.
type Status string

// How trials end.
const (
	Works    Status = "ok"
	Degraded Status = "degraded" // it works, but not as well as it could
	Missing  Status = "missing"
	NotTried Status = "not tried" // because something that it takes is missing
)

// Able reports whether scenarios can be played on the machine.
func (d Diagnosis) Able() bool {
	for _, f := range d.Findings {
		if f.Needed && f.Status != Works && f.Status != Degraded {
			return false
		}
	}
	return true
}
