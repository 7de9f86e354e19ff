package ns

import (
	"os"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// NewUTS creates a UTS namespace with a hostname (uts_namespaces(7)). It lives as long as a process
// has its file open or is in it.
func NewUTS(hostname string) (file *os.File, err error) {
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			return say.Errorf("create UTS namespace: %w", err)
		}
		if err := unix.Sethostname([]byte(hostname)); err != nil {
			return say.Errorf("set hostname: %w", err)
		}
		file, err = os.Open("/proc/thread-self/ns/uts")
		return err
	})
	return file, err
}
