package ns

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// Join moves the calling thread into the network namespace that a file holds, and into
// the UTS namespace of another one unless that is empty, for good, and gives it a mount
// namespace of its own in which hosts takes the place of /etc/hosts. The caller becomes another program next (execve(2)), which is why this
// must be called from the main goroutine, which has the main thread to itself. It needs
// CAP_SYS_ADMIN.
func Join(network, uts, hosts string) error {
	own, err := OwnHosts()
	if err != nil {
		return err
	}
	defer own.Close()
	if _, err := own.WriteString(hosts); err != nil {
		return say.Errorf("name hosts: %w", err)
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

// enter moves the calling thread into the namespace that a file holds.
func enter(file string, kind int) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, kind)
}

// OwnHosts gives the calling thread, and processes that it starts, a mount namespace in
// which the file that it returns, empty as yet, takes the place of /etc/hosts, and in
// which no name server is known: programs would wait for one that the lab does not
// have. Nobody else sees it.
func OwnHosts() (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, say.Errorf("create mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, say.Errorf("make mount namespace private: %w", err)
	}
	hosts, err := cover("/etc/hosts")
	if err != nil {
		return nil, err
	}
	servers, err := cover("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) {
		return hosts, nil
	}
	if err == nil {
		_, err = servers.WriteString("# no name server\n")
		err = errors.Join(err, servers.Close())
	}
	if err != nil {
		return nil, errors.Join(err, hosts.Close())
	}
	return hosts, nil
}

// cover mounts an empty file over one of the machine's, and returns it.
func cover(path string) (*os.File, error) {
	f, err := os.CreateTemp("", "lablab-")
	if err != nil {
		return nil, say.Errorf("mount over %s: %w", path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // the mount holds what is in it
	const readable = 0o644
	err = f.Chmod(readable)
	if err == nil {
		err = unix.Mount(f.Name(), path, "", unix.MS_BIND, "")
	}
	// A cover of before, which is no file any more, cannot be covered.
	if errors.Is(err, unix.ENOENT) && unix.Unmount(path, unix.MNT_DETACH) == nil {
		err = unix.Mount(f.Name(), path, "", unix.MS_BIND, "")
	}
	if err != nil {
		return nil, errors.Join(say.Errorf("mount over %s: %w", path, err), f.Close())
	}
	return f, nil
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
