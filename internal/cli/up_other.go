//go:build !linux

package cli

import "context"

func up(Env, upFlags) (int, error) { return 0, needsLinux("up") }

func execIn(context.Context, Env, string, string, []string) error { return needsLinux("exec") }

// owner is the user whose labs are meant.
func owner() int { return 1 }
