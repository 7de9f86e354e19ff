package report

import "lablab/say"

// A Diagnosis is what a machine can do, for `lablab doctor`.
type Diagnosis struct {
	Able     bool      `json:"able"` // whether it can run scenarios
	Kernel   string    `json:"kernel"`
	Rootless bool      `json:"rootless"` // whether it can in a user namespace
	Checks   []Ability `json:"checks"`
	// Run is the command with which the user runs a scenario.
	Run string `json:"-"`
}

// An Ability is one thing that a machine can or cannot do.
type Ability struct {
	Name   string       `json:"name"`
	Status string       `json:"status"` // ok, degraded, missing or not tried
	Found  say.Sentence `json:"found"`
	Hint   say.Sentence `json:"hint,omitzero"` // how to fix it
	Needed bool         `json:"needed"`        // whether every scenario needs it
}
