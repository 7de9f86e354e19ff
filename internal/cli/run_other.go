//go:build !linux

package cli

import (
	"errors"
	"runtime"

	"lablab/lab"
)

// run needs the kernel of Linux.
func run(Env, runFlags) (int, error) {
	return 0, &lab.Unable{
		Lacks: "lablab run needs Linux; this is " + runtime.GOOS,
		Hint:  "use the virtual machine: vagrant up && vagrant ssh -c 'sudo lablab run'",
		Err:   errors.ErrUnsupported,
	}
}
