//go:build !linux

package cli

// probe needs the kernel of Linux.
func probe(Env, probeFlags, *question) (int, error) { return 0, needsLinux("probe") }
