package nft

import (
	"errors"
	"time"

	"github.com/google/nftables"
	mnl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// A transaction is sent in one piece.
const socketBuffer = 16 << 20 // bytes

// dial opens a socket for changes.
func (f *Firewall) dial() (*mnl.Conn, error) {
	var c *mnl.Conn
	err := f.ns.Do(func() (err error) {
		c, err = mnl.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err == nil {
		if err = f.guard(c); err != nil {
			_ = c.Close()
		}
	}
	if err != nil {
		return nil, say.Errorf("open nftables socket: %w", err)
	}
	return c, nil
}

// read calls do with a socket of its own: the library matches answers by sequence number, so a
// long-lived socket would get out of step. f.mu is held.
func (f *Firewall) read(do func(*nftables.Conn) error) error {
	var c *nftables.Conn
	var socket *mnl.Conn
	guarded := func(opened *mnl.Conn) error {
		socket = opened
		return f.guard(opened)
	}
	err := f.ns.Do(func() (err error) {
		c, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(guarded))
		return err
	})
	if err != nil {
		return say.Errorf("open nftables socket: %w", err)
	}
	f.retire(c.CloseLasting)
	return ns.Await(interrupt(socket), func() error { return do(c) })
}

// interrupt returns a function that ends the wait for an answer on the socket.
func interrupt(socket *mnl.Conn) func() { return func() { _ = socket.SetReadDeadline(time.Now()) } }

// retire defers closing a socket: right after a deletion, the kernel blocks close for about 10 ms
// (nft_rcv_nl_event in net/netfilter/nf_tables_api.c), and that occupies a processor. f.mu is held.
func (f *Firewall) retire(closeIt func() error) {
	const many = 32
	if len(f.retired) >= many {
		f.closeRetired()
	}
	f.retired = append(f.retired, closeIt)
}

// closeRetired closes the retired sockets. f.mu is held.
func (f *Firewall) closeRetired() {
	for _, closeIt := range f.retired {
		_ = closeIt()
	}
	f.retired = nil
}

func (f *Firewall) guard(c *mnl.Conn) error {
	if err := errors.Join(f.ns.Guard(c), c.SetReadBuffer(socketBuffer), c.SetWriteBuffer(socketBuffer)); err != nil {
		return err
	}
	room, err := roomOf(c)
	if err != nil {
		return err
	}
	f.room = min(f.room, room)
	return nil
}

// roomOf returns how many bytes a transaction on the socket may have: for an ordinary user that is
// less than was requested (netlink_sendmsg in net/netlink/af_netlink.c).
func roomOf(c *mnl.Conn) (bytes int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	const reserved = 32
	var sockErr error
	err = raw.Control(func(fd uintptr) { bytes, sockErr = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) })
	return bytes - reserved, errors.Join(err, sockErr)
}
