package ns

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"lablab/say"
)

// ErrForeign says that a socket does not belong to the network namespace that it was opened for.
var ErrForeign = say.New("socket belongs to another network namespace")

// A Namespace is an anonymous network namespace. It lives as long as any process has its file open.
// Its methods may be called from any goroutine.
type Namespace struct {
	file   *os.File
	cookie uint64 // of every socket in it, see [socketCookie]
}

// New creates a network namespace with a loopback link that is down. It needs CAP_SYS_ADMIN in the
// process's user namespace. The error wraps the errno of unshare(2): EPERM without the capability,
// ENOSPC at user.max_net_namespaces.
func New() (*Namespace, error) {
	n := new(Namespace)
	err := onThread(func() error {
		handle, err := netns.New()
		if err != nil {
			return say.Errorf("create network namespace: %w", err)
		}
		n.file = os.NewFile(uintptr(handle), "network namespace")
		n.cookie, err = ownCookie()
		return err
	})
	if err != nil {
		_ = n.Close()
		return nil, err
	}
	return n, nil
}

// FD returns the namespace's file descriptor. Once n is closed, it returns -1, which every system
// call rejects.
func (n *Namespace) FD() int { return int(n.file.Fd()) }

// Do runs fn on a thread inside n and returns its error. Sockets that fn opens stay in n forever;
// goroutines that fn starts do not run in n. The thread is discarded afterwards, so fn cannot spoil
// one that others use. A panic in fn becomes an error that contains the stack.
func (n *Namespace) Do(fn func() error) error {
	return onThread(func() error {
		if err := netns.Set(netns.NsHandle(n.FD())); err != nil {
			return say.Errorf("enter network namespace: %w", err)
		}
		return fn()
	})
}

// Guard returns ErrForeign if the socket is not in n. It is the last check before a change goes
// through the socket.
func (n *Namespace) Guard(socket syscall.Conn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return say.Errorf("guard socket: %w", err)
	}
	var cookie uint64
	var sockErr error
	if err := raw.Control(func(fd uintptr) { cookie, sockErr = socketCookie(int(fd)) }); err != nil {
		return say.Errorf("guard socket: %w", err)
	}
	if sockErr != nil {
		return say.Errorf("guard socket: %w", sockErr)
	}
	if cookie != n.cookie {
		return ErrForeign
	}
	return nil
}

// Close releases the namespace. The kernel destroys it a few milliseconds later, unless a socket or
// another process still holds it.
func (n *Namespace) Close() error {
	if n.file == nil {
		return nil
	}
	return n.file.Close()
}

// onThread runs fn on its own thread, which ends with it. That is never the main thread, which the
// runtime cannot end: it would stay inside the namespace for as long as the process lives.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, so the runtime ends the thread
		if unix.Gettid() == unix.Getpid() {
			done <- onThread(fn) // on another thread, since this goroutine occupies the main one
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			if p := recover(); p != nil {
				done <- say.Errorf("panic in network namespace: %v\n%s", p, debug.Stack())
			}
		}()
		done <- fn()
	}()
	return <-done
}

// ownCookie returns the cookie of the calling thread's network namespace.
func ownCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, say.Errorf("read namespace cookie: %w", err)
	}
	defer unix.Close(fd)
	return socketCookie(fd)
}

// socketCookie returns a number that all sockets in a network namespace share: SO_NETNS_COOKIE, or
// before Linux 5.14 the inode of the namespace.
func socketCookie(fd int) (uint64, error) {
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if errors.Is(err, unix.ENOPROTOOPT) {
		cookie, err = socketInode(fd)
	}
	if err != nil {
		return 0, say.Errorf("read namespace cookie: %w", err)
	}
	return cookie, nil
}

// socketInode returns the inode of a socket's network namespace; 0 if this process has no rights in
// it, which is then not its own (SIOCGSKNS, Linux 4.10).
func socketInode(fd int) (uint64, error) {
	file, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if errors.Is(err, unix.EPERM) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(file)
	var about unix.Stat_t
	err = unix.Fstat(file, &about)
	return about.Ino, err
}
