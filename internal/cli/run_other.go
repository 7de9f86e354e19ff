//go:build !linux

package cli

import (
	"errors"
	"runtime"

	"lablab/lab"
	"lablab/say"
)

// run needs the Linux kernel.
func run(Env, runFlags, []string) (int, error) { return 0, needsLinux("run") }

func needsLinux(command string) error {
	return &lab.Unable{
		Lacks: say.F("lablab %s needs Linux; this is %s", command, runtime.GOOS),
		Hint:  say.F("use the virtual machine: vagrant up && vagrant ssh -c 'sudo lablab %s'", command),
		Err:   errors.ErrUnsupported,
	}
}
