//go:build !linux

package cli

import (
	"context"
	"errors"
	"runtime"

	"lablab/lab"
	"lablab/play"
	"lablab/say"
	"lablab/scenario"
)

func checkRulesets(context.Context, []*scenario.Scenario) error { return nil }

// needsKernel returns an error: this is not Linux.
func needsKernel() error {
	unable := needsLinux("run")
	unable.Hint = say.F("simulate it here: lablab run --target sim; or %s", unable.Hint)
	return unable
}

// onKernel returns no target: [needsKernel] has ended the command.
func (f runFlags) onKernel(*scenario.Scenario) play.Target { return nil }

func affords(int, int) error { return nil }

func needsLinux(command string) *lab.Unable {
	return &lab.Unable{
		Lacks: say.F("lablab %s needs Linux; this is %s", command, runtime.GOOS),
		Hint:  say.F("use the virtual machine: vagrant up && vagrant ssh -c 'sudo lablab %s'", command),
		Err:   errors.ErrUnsupported,
	}
}
