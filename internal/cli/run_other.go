//go:build !linux

package cli

import (
	"errors"
	"fmt"
	"runtime"

	"lablab/lab"
)

// run needs the kernel of Linux.
func run(Env, runFlags, []string) (int, error) { return 0, needsLinux("run") }

func needsLinux(command string) error {
	return &lab.Unable{
		Lacks: fmt.Sprintf("lablab %s needs Linux; this is %s", command, runtime.GOOS),
		Hint:  fmt.Sprintf("use the virtual machine: vagrant up && vagrant ssh -c 'sudo lablab %s'", command),
		Err:   errors.ErrUnsupported,
	}
}
