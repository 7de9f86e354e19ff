//go:build !linux

package cli

// probe needs the Linux kernel.
func probe(_ Env, f probeFlags) (int, error) {
	if _, err := f.question(); err != nil {
		return 0, err
	}
	return 0, needsLinux("probe")
}
