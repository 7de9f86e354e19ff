package ns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The kernel drops what does not fit in: a message takes 1 to 2 KB there. Without
// CAP_NET_ADMIN in the host's own user namespace it grants net.core.rmem_max at most.
const listenBuffer = 8 << 20 // bytes

// A Listener hears what netfilter in one namespace tells everybody who listens,
// from the moment it was opened.
type Listener struct{ conn *netlink.Conn }

// Listen joins multicast groups of netfilter (NFNLGRP_…) in n. It needs CAP_NET_ADMIN there.
func (n *Namespace) Listen(groups ...uint32) (*Listener, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: n.FD()})
	if err != nil {
		return nil, fmt.Errorf("listen to netfilter: %w", err)
	}
	err = errors.Join(n.Guard(conn), conn.SetReadBuffer(listenBuffer))
	for _, group := range groups {
		err = errors.Join(err, conn.JoinGroup(group))
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("listen to netfilter: %w", err)
	}
	return &Listener{conn: conn}, nil
}

// Run calls hear for each message, in order, and missed whenever the kernel had
// to drop some because they were not read in time. It closes the listener, and
// returns nil once ctx is done or else the first error of hear or of the socket.
func (l *Listener) Run(ctx context.Context, hear func(netlink.Message) error, missed func()) error {
	defer l.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		messages, err := l.conn.Receive()
		switch {
		case errors.Is(err, syscall.ENOBUFS):
			missed()
			continue
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("listen to netfilter: %w", err)
		}
		for _, m := range messages {
			if err := hear(m); err != nil {
				return err
			}
		}
	}
}

// Close gives up a listener that was never run.
func (l *Listener) Close() error { return l.conn.Close() }
