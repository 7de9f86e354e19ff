package lab

import "time"

// Options say how a scenario is played.
type Options struct {
	// Interval is the time between two packets of a stream, 1 ms at least.
	Interval time.Duration
	// Rootless is for the record: the lab lives in a user namespace of its own.
	Rootless bool
	// Version is for the record: which lablab this is.
	Version string
}
