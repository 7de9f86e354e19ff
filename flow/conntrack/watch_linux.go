package conntrack

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
)

// A Watch is the stream of conntrack events of one host, from the moment it was opened. (ti-mo's
// own listener ends at its first error and can hang when closed.)
type Watch struct{ *ns.Listener }

// OpenWatch starts watching n.
func OpenWatch(n *ns.Namespace) (*Watch, error) {
	l, err := n.Listen(unix.NFNLGRP_CONNTRACK_NEW, unix.NFNLGRP_CONNTRACK_UPDATE, unix.NFNLGRP_CONNTRACK_DESTROY)
	if err != nil {
		return nil, err
	}
	return &Watch{l}, nil
}

// Drain calls see for each event that has arrived by now, in order, and missed with how many were
// lost: the kernel dropped them because they were not read in time, or they could not be decoded.
func (w *Watch) Drain(see func(Event), missed func(events int)) error {
	return w.Listener.Drain(func(m netlink.Message) error {
		if e, err := eventOf(m); err != nil {
			missed(1)
		} else {
			see(e)
		}
		return nil
	}, missed)
}
