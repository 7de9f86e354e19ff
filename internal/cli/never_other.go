//go:build !linux

package cli

import (
	"context"

	"lablab/lab"
	"lablab/sg"
)

// askKernel needs the Linux kernel.
func askKernel(context.Context, *sg.Account, *sg.Group, lab.Probe) (lab.Judgement, error) {
	return lab.Judgement{}, needsLinux("check --never")
}

// elsewhere does nothing: there is no other way to the kernel.
func elsewhere(Env, string) (done bool, code int, err error) { return false, 0, nil }
