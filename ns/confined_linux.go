package ns

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A Confinement is what this process is denied of what a lab needs, by whatever means. It was looked
// up, not inferred from an error.
type Confinement struct {
	Lacking    []string // capabilities that are not in effect
	SetFCap    bool     // whether CAP_SETFCAP is in effect: root needs it to map itself into a user namespace
	NoNewPrivs bool     // programs such as sudo(8) give no privileges
	Forbidden  []string // system calls that a seccomp filter forbids
	Profile    string   // AppArmor's profile or SELinux's context, if this process is confined by one
	NoProc     bool     // /proc is not mounted
	Sysctls    error    // ErrReadOnly or ErrCovered if the settings of a network cannot be written
}

// Confined looks up what this process is denied.
func Confined() Confinement {
	c := Confinement{Lacking: lacking(), SetFCap: effective()&(1<<unix.CAP_SETFCAP) != 0, Forbidden: forbidden(), Profile: profile()}
	set, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	c.NoNewPrivs = set == 1
	var mount unix.Statfs_t
	err := unix.Statfs("/proc/self", &mount)
	c.NoProc = err != nil || mount.Type != unix.PROC_SUPER_MAGIC
	c.Sysctls = onThread(func() error {
		directory, err := sysctls()
		if err != nil {
			return err
		}
		return unix.Close(directory)
	})
	return c
}

// effective returns the capabilities in effect, as bits.
func effective() uint64 {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	_ = unix.Capget(&header, &sets[0]) // on failure the process has none
	return uint64(sets[1].Effective)<<32 | uint64(sets[0].Effective)
}

// lacking names the capabilities that [Powerful] requires and this process lacks.
func lacking() []string {
	var names []string
	for _, c := range []struct {
		bit  int
		name string
	}{{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}} {
		if effective()&(1<<c.bit) == 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// forbidden names the system calls that a lab needs and a seccomp filter forbids. It makes each with
// an argument that the kernel would reject before it looks at privileges. A filter does not look at
// that argument, and so gives itself away by another answer.
func forbidden() []string {
	const (
		noType    = 0xf // of a socket: linux/net.h has fewer
		noPointer = 1
	)
	socket := func(family, protocol uintptr) func() unix.Errno {
		return func() unix.Errno { return called(unix.SYS_SOCKET, family, noType, protocol) }
	}
	var names []string
	for _, c := range []struct {
		name   string
		answer unix.Errno // of the kernel
		call   func() unix.Errno
	}{
		{"clone(CLONE_NEWUSER)", unix.EINVAL, func() unix.Errno { return called(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_FS, 0, 0) }},
		{"clone(CLONE_NEWNET)", unix.EINVAL, func() unix.Errno {
			return called(unix.SYS_CLONE, unix.CLONE_NEWNET|unix.CLONE_NEWUSER|unix.CLONE_FS, 0, 0)
		}},
		{"unshare(CLONE_NEWNET)", unix.EINVAL, func() unix.Errno { return called(unix.SYS_UNSHARE, unix.CLONE_NEWNET|unix.CLONE_PTRACE, 0, 0) }},
		{"unshare(CLONE_NEWNS)", unix.EINVAL, func() unix.Errno { return called(unix.SYS_UNSHARE, unix.CLONE_NEWNS|unix.CLONE_PTRACE, 0, 0) }},
		{"mount", unix.EFAULT, func() unix.Errno { return called(unix.SYS_MOUNT, 0, 0, noPointer) }},
		{"setns(CLONE_NEWNET)", unix.EBADF, func() unix.Errno { return called(unix.SYS_SETNS, ^uintptr(0), unix.CLONE_NEWNET, 0) }},
		{"socket(AF_NETLINK)", unix.EINVAL, socket(unix.AF_NETLINK, unix.NETLINK_ROUTE)},
		{"socket(AF_NETLINK, NETLINK_NETFILTER)", unix.EINVAL, socket(unix.AF_NETLINK, unix.NETLINK_NETFILTER)},
		{"socket(AF_UNIX)", unix.EINVAL, socket(unix.AF_UNIX, 0)},
		{"socket(AF_INET)", unix.EINVAL, socket(unix.AF_INET, unix.IPPROTO_ICMP)},
		{"socket(AF_INET6)", unix.EINVAL, socket(unix.AF_INET6, unix.IPPROTO_ICMPV6)},
		{"socket(AF_PACKET)", unix.EINVAL, socket(unix.AF_PACKET, 0)},
	} {
		if c.call() != c.answer {
			names = append(names, c.name)
		}
	}
	return names
}

func called(number, a, b, c uintptr) unix.Errno {
	_, _, errno := unix.RawSyscall6(number, a, b, c, 0, 0, 0)
	return errno
}

// profile returns AppArmor's profile or SELinux's context of this process, or "" if it is confined
// by neither.
func profile() string {
	for _, file := range []string{"/proc/self/attr/apparmor/current", "/proc/self/attr/current"} {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		label := strings.TrimRight(string(text), "\n\x00")
		if err != nil || label == "unconfined" || label == "kernel" || strings.Contains(label, ":unconfined_t:") {
			return ""
		}
		return label
	}
	return ""
}
