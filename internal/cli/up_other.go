//go:build !linux

package cli

func up(Env, upFlags) (int, error) { return 0, needsLinux("up") }

func execIn(Env, string, string, []string) error { return needsLinux("exec") }

// owner is the user whose labs are meant.
func owner() int { return 1 }
