// Package conntrack reads, watches and configures the conntrack table of a network namespace. It
// hides the types of ti-mo/conntrack, which compile on Linux only.
package conntrack

import (
	"time"

	"lablab/flow"
	"lablab/sg"
)

// Settings are the conntrack settings of a namespace.
type Settings struct {
	Timeouts sg.Timeouts
	// Loose makes conntrack pick up TCP connections mid-stream, as Linux does by default. On EC2,
	// connections do not come back once they are cut off.
	Loose bool
}

// An Event is a change to an entry. The kernel reports counters with Destroy only.
type Event struct {
	Change flow.Change
	Entry  flow.Entry
	// Kernel is when it happened by the kernel's clock; zero before about Linux 6.14.
	Kernel time.Time
}
