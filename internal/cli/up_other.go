//go:build !linux

package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func up(Env, upFlags) (int, error) { return 0, needsLinux("up") }

func execIn(context.Context, Env, string, string, []string) error { return needsLinux("exec") }

func newOutlive(Env) *cobra.Command {
	return &cobra.Command{Use: "outlive", Hidden: true, RunE: func(*cobra.Command, []string) error { return needsLinux("exec") }}
}

// owner returns the user whose labs the commands address.
func owner() int { return 1 }
