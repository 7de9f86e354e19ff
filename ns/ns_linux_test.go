package ns_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/ns"
)

func TestMain(m *testing.M) { nstest.Main(m) }

func current(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDoRunsInside(t *testing.T) {
	n := nstest.New(t)
	outside := current(t)
	var inside string
	if err := n.Do(func() error { inside = current(t); return nil }); err != nil {
		t.Fatal(err)
	}
	if inside == outside {
		t.Errorf("Do ran in %s, which is this thread's own namespace", inside)
	}
	if now := current(t); now != outside {
		t.Errorf("this thread is in %s after Do, was in %s", now, outside)
	}
}

func TestMainThreadStaysAtHome(t *testing.T) {
	home, err := os.Readlink("/proc/self/ns/net") // the main thread's
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		n := nstest.New(t)
		if err := n.Do(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if now, _ := os.Readlink("/proc/self/ns/net"); now != home {
		t.Errorf("the main thread is in %s, was in %s", now, home)
	}
}

func TestDoTurnsPanicIntoError(t *testing.T) {
	n := nstest.New(t)
	err := n.Do(func() error { panic("boom") })
	if err == nil || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "goroutine") {
		t.Errorf("got %v, want an error with the panic and its stack", err)
	}
}

func TestSysctlStaysInside(t *testing.T) {
	const key = "ipv4/ip_forward"
	n := nstest.New(t)
	before, err := os.ReadFile("/proc/sys/net/" + key)
	if err != nil {
		t.Fatal(err)
	}
	other := "1"
	if strings.TrimSpace(string(before)) == "1" {
		other = "0"
	}
	if err := n.SetSysctl(map[string]string{key: other}); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile("/proc/sys/net/" + key); string(now) != string(before) {
		t.Errorf("outside it is %q now, was %q", now, before)
	}
	_ = n.Do(func() error {
		if inside, _ := os.ReadFile("/proc/sys/net/" + key); strings.TrimSpace(string(inside)) != other {
			t.Errorf("inside it is %q, want %q", inside, other)
		}
		return nil
	})
	if err := n.SetSysctl(map[string]string{"../kernel/hostname": "x"}); err == nil {
		t.Error("a path out of /proc/sys/net was accepted")
	}
}

func TestGuardRefusesForeignSocket(t *testing.T) {
	n, other := nstest.New(t), nstest.New(t)
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: n.FD()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := n.Guard(conn); err != nil {
		t.Errorf("own socket: %v", err)
	}
	if err := other.Guard(conn); !errors.Is(err, ns.ErrForeign) {
		t.Errorf("foreign socket: got %v, want ErrForeign", err)
	}
	outside, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	if err := n.Guard(outside); !errors.Is(err, ns.ErrForeign) {
		t.Errorf("the host's socket: got %v, want ErrForeign", err)
	}
}

// Where sockets have no cookie, the inode of their namespace tells them apart.
func TestInodeOfSockets(t *testing.T) {
	t.Parallel()
	inodes := map[uint64]bool{}
	for _, n := range []*ns.Namespace{nstest.New(t), nstest.New(t)} {
		var inode uint64
		for _, family := range []int{unix.AF_UNIX, unix.AF_INET, unix.AF_NETLINK} {
			if err := n.Do(func() error {
				fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				defer unix.Close(fd)
				inode, err = ns.SocketInode(fd)
				inodes[inode] = true
				return err
			}); err != nil {
				t.Error(err)
			}
		}
		var about unix.Stat_t
		if err := unix.Fstat(n.FD(), &about); err != nil || about.Ino != inode {
			t.Errorf("inode %d, want %d, %v", inode, about.Ino, err)
		}
	}
	if len(inodes) != 2 {
		t.Errorf("two namespaces have the inodes %v", inodes)
	}
}

func TestUseAfterClose(t *testing.T) {
	nstest.Kernel(t)
	n, err := ns.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if fd := n.FD(); fd != -1 {
		t.Errorf("FD is %d after Close, want -1", fd)
	}
	if err := n.Do(func() error { return nil }); !errors.Is(err, syscall.EBADF) {
		t.Errorf("Do after Close: got %v, want EBADF", err)
	}
	if _, err := n.Listen(unix.NFNLGRP_NFTRACE); err == nil {
		t.Error("Listen after Close succeeded")
	}
}
