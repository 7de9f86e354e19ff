package nstest

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"lablab/ns"
)

// OwnLabs gives tests that run as root their own directory of sockets, so they neither see nor take
// down the labs of the machine or of other tests. It executes this program again in a new mount
// namespace. Without root, $XDG_RUNTIME_DIR does the same.
func OwnLabs() {
	const done = "LABLAB_TEST_OWN_LABS"
	if !ns.Powerful() || os.Getenv(done) != "" {
		return
	}
	err := mountOwn("/run/lablab")
	if err == nil {
		err = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), done+"=1"))
	}
	fmt.Fprintln(os.Stderr, "give the tests labs of their own:", err)
	os.Exit(1)
}

// mountOwn mounts an empty directory that no other process sees.
func mountOwn(directory string) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	if err := ns.OwnMounts(); err != nil {
		return err
	}
	if err := unix.Mount("none", directory, "tmpfs", 0, "mode=700"); err != nil {
		return fmt.Errorf("mount %s: %w", directory, err)
	}
	return nil
}
