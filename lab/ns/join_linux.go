package ns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Join moves the calling thread into the network namespace that a file holds, for
// good, and gives it a mount namespace of its own in which hosts takes the place of
// /etc/hosts. The caller becomes another program next (execve(2)), which is why this
// must be called from the main goroutine, which has the main thread to itself. It needs
// CAP_SYS_ADMIN.
func Join(file, hosts string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open namespace: %w", err)
	}
	defer unix.Close(fd)
	if err := OwnHosts(hosts); err != nil {
		return err
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// OwnHosts gives the calling thread, and processes that it starts, a mount namespace in
// which hosts takes the place of /etc/hosts, and in which no name server is known:
// programs would wait for one that the lab does not have. Nobody else sees it.
func OwnHosts(hosts string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mount namespace private: %w", err)
	}
	if err := cover("/etc/hosts", hosts); err != nil {
		return err
	}
	if err := cover("/etc/resolv.conf", "# no name server\n"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// cover mounts a file with other contents over one of the machine's.
func cover(path, text string) error {
	f, err := os.CreateTemp("", "lablab-")
	if err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	// The mount holds what is in it.
	defer func() { _ = os.Remove(f.Name()) }()
	defer f.Close()
	const readable = 0o644
	if err := f.Chmod(readable); err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	if err := unix.Mount(f.Name(), path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	return nil
}

// Owner is the user that this process runs for: outside the user namespace, if it runs
// in one that [Rootless] made.
func Owner() int {
	text, err := os.ReadFile("/proc/self/uid_map")
	if fields := strings.Fields(string(text)); err == nil && len(fields) == 3 && IsRootless() {
		if uid, err := strconv.Atoi(fields[1]); err == nil {
			return uid
		}
	}
	return os.Getuid()
}
