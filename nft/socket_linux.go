package nft

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// A large transaction needs room for itself and for one acknowledgement a
	// rule, or the kernel commits it and says ENOBUFS.
	socketBuffer = 16 << 20 // bytes
	// The kernel answers in milliseconds; without a limit a lost answer would hang.
	answerTime = 10 * time.Second
)

// with calls do with a socket of its own: the library matches answers by their
// number, so one that lasts falls out of step. The socket is closed later: right
// after a deletion the kernel makes whoever closes one wait about 10 ms
// (nft_rcv_nl_event in net/netfilter/nf_tables_api.c), and a processor with it.
func (t *Table) with(do func(*nftables.Conn) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var c *nftables.Conn
	err := t.ns.Do(func() (err error) {
		c, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(t.guard))
		return err
	})
	if err != nil {
		return fmt.Errorf("open nftables socket: %w", err)
	}
	const many = 32
	if len(t.retired) >= many {
		t.closeRetired()
	}
	t.retired = append(t.retired, c)
	return do(c)
}

// closeRetired closes the sockets that have done their work. t.mu is held.
func (t *Table) closeRetired() {
	for _, c := range t.retired {
		_ = c.CloseLasting()
	}
	t.retired = nil
}

func (t *Table) guard(c *mnl.Conn) error {
	if err := errors.Join(t.ns.Guard(c), c.SetReadBuffer(socketBuffer), c.SetWriteBuffer(socketBuffer)); err != nil {
		return err
	}
	room, err := roomOf(c)
	if err != nil {
		return err
	}
	const perRule = 4096 // bytes: the message, its echo and its acknowledgement, generously
	t.chunk = max(room/perRule, 1)
	return c.SetDeadline(time.Now().Add(answerTime))
}

// roomOf is how many bytes both buffers of a socket hold: less than was asked
// for, where an ordinary user asked.
func roomOf(c *mnl.Conn) (bytes int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var send, receive int
	var errSend, errReceive error
	err = raw.Control(func(fd uintptr) {
		send, errSend = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
		receive, errReceive = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return min(send, receive), errors.Join(err, errSend, errReceive)
}
