package lab

import "time"

// Options say how to run a scenario.
type Options struct {
	// Interval is the time between two packets of a stream, at least 1 ms.
	Interval time.Duration
	// Rootless is for the record: the lab runs in its own user namespace.
	Rootless bool
	// Version is for the record: the version of lablab.
	Version string
	// KeepOutput makes the timeline include the end of what the scenario's programs write.
	KeepOutput bool
}
