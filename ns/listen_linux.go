package ns

import (
	"errors"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/say"
)

// The kernel drops what does not fit into the buffer, where a message takes 1 to 2 KB. Without
// CAP_NET_ADMIN in the machine's initial user namespace, it grants at most net.core.rmem_max.
const listenBuffer = 32 << 20 // bytes

// A Listener receives the netfilter multicasts of one namespace, from the moment it was opened.
// Messages wait in the kernel until [Listener.Drain] reads them: no thread wakes up when one
// arrives, so listening does not disturb what happens meanwhile.
type Listener struct {
	fd      int
	buffer  []byte
	dropped uint32 // messages that the kernel had dropped at the last check
}

// Listen joins multicast groups of netfilter (NFNLGRP_…) in n. It needs CAP_NET_ADMIN there.
func (n *Namespace) Listen(groups ...uint32) (*Listener, error) {
	var conn *netlink.Conn
	err := n.Do(func() (err error) {
		conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		return nil, say.Errorf("listen to netfilter: %w", err)
	}
	defer conn.Close()
	err = errors.Join(n.Guard(conn), conn.SetReadBuffer(listenBuffer))
	for _, group := range groups {
		err = errors.Join(err, conn.JoinGroup(group))
	}
	if err != nil {
		return nil, say.Errorf("listen to netfilter: %w", err)
	}
	// Duplicate the descriptor so that Go's poller does not know it: the poller's thread would wake
	// up for every message.
	fd, err := duplicate(conn)
	if err != nil {
		return nil, say.Errorf("listen to netfilter: %w", err)
	}
	return &Listener{fd: fd, buffer: make([]byte, 1<<16)}, nil
}

// Drain calls hear for each message that has arrived, in order, and missed with how many the kernel
// had to drop because they were not read in time. The message is valid only until hear returns.
// Drain does not block, and only one goroutine may call it at a time.
//
// The kernel reports at once that the socket is full, and keeps dropping until the socket is empty.
// So Drain counts the dropped messages at that point.
func (l *Listener) Drain(hear func(netlink.Message) error, missed func(messages int)) error {
	for full := false; ; {
		n, _, err := unix.Recvfrom(l.fd, l.buffer, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if !full {
				return nil
			}
			n, err := l.drops()
			missed(n)
			return err
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			full = true
			continue
		case err != nil:
			return say.Errorf("listen to netfilter: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(l.buffer[:n])
		if err != nil {
			return say.Errorf("listen to netfilter: %w", err)
		}
		for _, m := range messages {
			err := hear(netlink.Message{
				Header: netlink.Header{
					Length: m.Header.Len, Type: netlink.HeaderType(m.Header.Type), Flags: netlink.HeaderFlags(m.Header.Flags),
					Sequence: m.Header.Seq, PID: m.Header.Pid,
				},
				Data: m.Data,
			})
			if err != nil {
				return err
			}
		}
	}
}

// drops returns how many messages the kernel has dropped since the last call (SO_MEMINFO,
// SK_MEMINFO_DROPS; Linux 4.12).
func (l *Listener) drops() (int, error) {
	const counters, dropped = 9, 8 // SK_MEMINFO_VARS, SK_MEMINFO_DROPS
	var memory [counters]uint32
	size := uint32(unsafe.Sizeof(memory))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(l.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&memory)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, say.Errorf("count dropped messages: %w", errno)
	}
	fresh := memory[dropped] - l.dropped
	l.dropped = memory[dropped]
	return int(fresh), nil
}

// Close stops listening.
func (l *Listener) Close() error { return unix.Close(l.fd) }

func duplicate(conn *netlink.Conn) (fd int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 3)
	})
	return fd, errors.Join(controlErr, err)
}
