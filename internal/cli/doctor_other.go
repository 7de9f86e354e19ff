//go:build !linux

package cli

// doctor needs the Linux kernel.
func doctor(Env, doctorFlags) (int, error) { return 0, needsLinux("doctor") }
