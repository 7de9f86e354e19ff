package nstest

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"lablab/ns"
)

// Silence makes the kernel drop its answers to this process's netlink sockets in n.
func Silence(t testing.TB, n *ns.Namespace) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	silent := 0
	for _, entry := range open {
		fd, _ := strconv.Atoi(entry.Name())
		if family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || family != unix.AF_NETLINK || n.Guard(descriptor(fd)) != nil {
			continue
		}
		drop := []unix.SockFilter{{Code: unix.BPF_RET}} // nothing of the message is kept
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]}); err != nil {
			t.Fatal(err)
		}
		silent++
	}
	if silent == 0 {
		t.Fatal("no netlink socket to silence")
	}
}

// A descriptor is a socket that only its number is known of.
type descriptor int

func (d descriptor) SyscallConn() (syscall.RawConn, error) { return d, nil }
func (d descriptor) Control(do func(fd uintptr)) error     { do(uintptr(d)); return nil }
func (d descriptor) Read(func(fd uintptr) bool) error      { return syscall.ENOTSUP }
func (d descriptor) Write(func(fd uintptr) bool) error     { return syscall.ENOTSUP }
