package lab

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// Affords checks that this process may have the threads of n labs at the same time, each with its
// number of hosts, and of other processes of this program that only wait. Go's runtime would end the
// program with a stack trace. The error is an *Unable.
func Affords(waiting, labs, hosts int) error {
	const process, lab = 7, 11 // measured: also, a thread for each processor and each host
	need := waiting*process + lab + runtime.GOMAXPROCS(0) + labs*hosts
	most, limit := ns.Threads()
	if need <= most {
		return nil
	}
	const plenty = 1000
	hint := say.F("raise the limit to %d or more", plenty)
	switch place := here(); {
	case labs > 1:
		hint = say.F("run fewer scenarios side by side: -j 1; or raise the limit to %d or more", plenty)
	case strings.HasPrefix(limit, "RLIMIT"):
		hint = say.F("raise it: ulimit -u %d", plenty)
	case place == docker || place == podman:
		hint = say.F("start the container with: %s run %s", string(place), fmt.Sprintf("--pids-limit %d", plenty))
	case place == service:
		hint = say.F("add to the service's unit file: %s", fmt.Sprintf("TasksMax=%d", plenty))
	}
	return &Unable{Lacks: say.F("lablab needs %d threads for this, and may have %d here (%s)", need, max(most, 0), limit), Hint: hint, Err: unix.EAGAIN}
}

// tryThreads checks that a lab of two hosts can have its threads.
func tryThreads(context.Context) (Finding, error) {
	most, limit := ns.Threads()
	if limit == "" {
		return found("not limited"), Affords(0, 1, 2)
	}
	return found("at most %d (%s)", most, limit), Affords(0, 1, 2)
}
