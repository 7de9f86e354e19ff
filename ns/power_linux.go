package ns

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// Lacking names the capabilities that [Powerful] requires and this process lacks.
func Lacking() []string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	_ = unix.Capget(&header, &sets[0]) // on failure the process has none
	var names []string
	for _, c := range []struct {
		bit  int
		name string
	}{{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}} {
		if sets[0].Effective&(1<<c.bit) == 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// TryRootless tries what [Rootless] does without running this program again: a process creates a
// user namespace and uses a capability there that some machines withhold. (A network namespace
// would take longer to disappear, and counts against the limit until then.) It returns the same
// errors as Rootless.
func TryRootless() error {
	_, err := syscall.ForkExec("", nil, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		Chroot:      "/", // needs CAP_SYS_CHROOT and changes nothing
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}})
	if errors.Is(err, syscall.ENOENT) {
		return nil // it got as far as looking for a program with an empty name
	}
	return say.Errorf("create user namespace: %w", err)
}

// Buffer returns how many bytes can wait in the kernel for [Listener.Drain], and how many were
// requested. An ordinary user is granted fewer.
func (l *Listener) Buffer() (granted, wanted int, err error) {
	doubled, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF) // twice the size: socket(7)
	if err != nil {
		return 0, 0, say.Errorf("read buffer of socket: %w", err)
	}
	return doubled / 2, listenBuffer, nil
}
