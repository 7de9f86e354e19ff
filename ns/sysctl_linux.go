package ns

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// Why the settings of a network namespace cannot be written, whatever the kernel has.
var (
	ErrReadOnly = say.New("/proc/sys is read-only")
	ErrCovered  = say.New("/proc/sys/net is not the kernel's: another mount covers it, or /proc is not mounted")
)

// SetSysctl writes network settings of n, by their path below /proc/sys/net
// ("netfilter/nf_conntrack_acct"). It never writes the machine's own: a thread inside n resolves
// the path. An error wraps fs.ErrNotExist if the kernel lacks the feature that the setting belongs
// to, or ErrReadOnly or ErrCovered.
func (n *Namespace) SetSysctl(settings map[string]string) error {
	return n.Do(func() error {
		directory, err := sysctls()
		if err != nil {
			return say.Errorf("set network settings: %w", err)
		}
		defer unix.Close(directory)
		for key, value := range settings {
			if strings.Contains(key, "..") {
				return say.Errorf("set %s: not a setting below /proc/sys/net", key)
			}
			if err := writeAt(directory, key, value); err != nil {
				return say.Errorf("set %s: %w", key, err)
			}
		}
		return nil
	})
}

func writeAt(directory int, name, value string) error {
	fd, err := unix.Openat(directory, name, unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	_, err = io.WriteString(file, value)
	return err
}

// sysctls opens the directory of the settings of the calling thread's network namespace. Where
// /proc/sys is read-only or covered, as in a container, it is that of another /proc.
func sysctls() (int, error) {
	visible, withheld := openSysctls(unix.AT_FDCWD, "/proc/sys/net")
	if !errors.Is(withheld, ErrReadOnly) && !errors.Is(withheld, ErrCovered) {
		return visible, withheld
	}
	proc, err := mountProc()
	if err != nil {
		return -1, withheld
	}
	defer unix.Close(proc)
	return openSysctls(proc, "sys/net")
}

// openSysctls opens a directory, if it is the kernel's and can be written to.
func openSysctls(at int, path string) (int, error) {
	fd, err := unix.Openat(at, path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return -1, ErrCovered
	}
	if err != nil {
		return -1, err
	}
	var mount unix.Statfs_t
	err = unix.Fstatfs(fd, &mount)
	switch {
	case err != nil || mount.Type != unix.PROC_SUPER_MAGIC:
		err = ErrCovered
	case mount.Flags&unix.ST_RDONLY != 0:
		err = ErrReadOnly
	default:
		return fd, nil
	}
	_ = unix.Close(fd)
	return -1, err
}

// mountProc mounts another /proc, at no path: it exists as long as the file is open, and only this
// process sees it. That needs Linux 5.2, and CAP_SYS_ADMIN where the mount namespace was made.
func mountProc() (int, error) {
	context, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, err
	}
	return unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
}
