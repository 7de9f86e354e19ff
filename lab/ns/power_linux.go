package ns

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"lablab/say"
)

// Lacking names the capabilities that [Powerful] asks for and this process has not.
func Lacking() []string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	_ = unix.Capget(&header, &sets[0]) // then it has none
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

// TryRootless tries what [Rootless] does without running this program again: a
// process makes a user namespace, and uses a power there that some machines
// withhold. (A network namespace would take longer to be gone, and counts until
// then.) The errors are those of Rootless.
func TryRootless() error {
	_, err := syscall.ForkExec("", nil, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		Chroot:      "/", // CAP_SYS_CHROOT, and nothing changes
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}})
	if errors.Is(err, syscall.ENOENT) {
		return nil // it came as far as to look for a program without a name
	}
	return say.Errorf("create user namespace: %w", err)
}

// Buffer is how many bytes wait in the kernel for [Listener.Drain] at most, and
// how many were asked for. An ordinary user is granted less.
func (l *Listener) Buffer() (granted, wanted int, err error) {
	doubled, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF) // socket(7)
	if err != nil {
		return 0, 0, say.Errorf("read buffer of socket: %w", err)
	}
	return doubled / 2, listenBuffer, nil
}
