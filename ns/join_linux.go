package ns

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// Join moves the calling goroutine, and its thread, for good into the network namespace that a file
// refers to, and into the UTS namespace that another one refers to, unless that is empty. It also
// gives the thread its own mount namespace in which hosts replaces /etc/hosts, if that exists. The caller then calls
// execve(2). It needs CAP_SYS_ADMIN.
func Join(network, uts, hosts string) error {
	own, err := OwnHosts()
	if err != nil {
		return err
	}
	if own != nil {
		_, err := own.WriteString(hosts)
		if err := errors.Join(err, own.Close()); err != nil {
			return say.Errorf("name hosts: %w", err)
		}
	}
	if uts != "" {
		if err := enter(uts, unix.CLONE_NEWUTS); err != nil {
			return say.Errorf("enter UTS namespace: %w", err)
		}
	}
	if err := enter(network, unix.CLONE_NEWNET); err != nil {
		return say.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// enter moves the calling thread into the namespace that a file refers to.
func enter(file string, kind int) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, kind)
}

// HoldMain keeps the main goroutine on the main thread, if an init function calls it. A program needs
// that if other processes find the namespaces of the main goroutine, as in /proc/PID/ns/mnt.
func HoldMain() { runtime.LockOSThread() }

// OwnMounts locks the calling goroutine to its thread, and gives the thread, and the processes that
// it starts, its own mount namespace. What it mounts from then on is invisible to all other
// processes.
func OwnMounts() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return say.Errorf("create mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return say.Errorf("make mount namespace private: %w", err)
	}
	return nil
}

// OwnHosts locks the calling goroutine to its thread, and gives the thread, and the processes that it
// starts, a mount namespace in which the returned file, still empty, replaces /etc/hosts. It returns
// nil if the machine has no such file. That namespace has no name server either: programs would wait
// for one that the lab does not have. No other process sees the change.
func OwnHosts() (*os.File, error) {
	if err := OwnMounts(); err != nil {
		return nil, err
	}
	hosts, err := cover("/etc/hosts")
	if err != nil {
		return nil, err
	}
	servers, err := cover("/etc/resolv.conf")
	if err == nil && servers != nil {
		_, err = servers.WriteString("# no name server\n")
		err = errors.Join(err, servers.Close())
	}
	if err != nil && hosts != nil {
		err = errors.Join(err, hosts.Close())
	}
	return hosts, err
}

// cover mounts an empty file over one of the machine's files, and returns it, or nil if the machine lacks it.
// The file is in memory, so no directory needs to be writable.
func cover(path string) (*os.File, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	const scratch = "/proc" // a directory that every machine has; the file is mounted there for a moment
	err := unix.Mount("lablab", scratch, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755")
	if err != nil {
		return nil, say.Errorf("mount over %s: %w", path, err)
	}
	f, err := os.OpenFile(scratch+"/file", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		const readable = 0o644 // whatever the umask
		if err = errors.Join(f.Chmod(readable), unix.Mount(f.Name(), path, "", unix.MS_BIND, "")); err != nil {
			_ = f.Close()
		}
	}
	if err = errors.Join(err, unix.Unmount(scratch, unix.MNT_DETACH)); err != nil { // the file stays where it is mounted
		return nil, say.Errorf("mount over %s: %w", path, err)
	}
	return f, nil
}

// Owner returns the user that this process runs for: outside the user namespace, if it runs in one
// that [Rootless] created.
func Owner() int {
	text, err := os.ReadFile("/proc/self/uid_map")
	if fields := strings.Fields(string(text)); err == nil && len(fields) == 3 && IsRootless() {
		if uid, err := strconv.Atoi(fields[1]); err == nil {
			return uid
		}
	}
	return os.Getuid()
}
