//go:build !linux

package cli

// doctor needs the kernel of Linux.
func doctor(Env, doctorFlags) (int, error) { return 0, needsLinux("doctor") }
