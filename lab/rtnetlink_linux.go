package lab

import (
	"errors"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// An rtHandle is an rtnetlink socket in a namespace (rtnetlink(7)). A request that the kernel does not
// answer is an error after [ns.AnswerTime], and so is every later one. The library has a limit too,
// but counts by the clock, also while this process does not run.
type rtHandle struct {
	handle *netlink.Handle
	closer netlink.Handle // of the same socket; closing handle itself would be a race with a request
}

// rtnetlink opens a socket in a namespace. A closed handle would act on the thread's own namespace,
// so it never leaves the function that opened it.
func rtnetlink(n *ns.Namespace) (*rtHandle, error) {
	var handle *netlink.Handle
	err := n.Do(func() (err error) {
		if handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
			return err
		}
		const size = 64 << 10 // bytes; net.core.rmem_default may be too small for one answer
		return handle.SetSocketReceiveBufferSize(size, false)
	})
	if err != nil {
		return nil, say.Errorf("open rtnetlink: %w", err)
	}
	return &rtHandle{handle, *handle}, nil
}

func (h *rtHandle) Close() { h.handle.Close() }

func (h *rtHandle) await(ask func() error) error {
	return ns.Await(func() {
		closer := h.closer
		closer.Close()
	}, ask)
}

func (h *rtHandle) LinkByName(name string) (link netlink.Link, err error) {
	err = h.await(func() (err error) {
		link, err = h.handle.LinkByName(name)
		return err
	})
	return link, err
}

func (h *rtHandle) LinkAdd(link netlink.Link) error {
	return h.await(func() error { return h.handle.LinkAdd(link) })
}

func (h *rtHandle) LinkDel(link netlink.Link) error {
	return h.await(func() error { return h.handle.LinkDel(link) })
}

func (h *rtHandle) LinkSetUp(link netlink.Link) error {
	return h.await(func() error { return h.handle.LinkSetUp(link) })
}

// withoutLinkLocal keeps a link from getting a link-local address when it comes up. So would the
// setting addr_gen_mode, but a thread that writes it spins while another holds the kernel's RTNL
// (restart_syscall in net/ipv6/addrconf.c).
func (h *rtHandle) withoutLinkLocal(link netlink.Link) error {
	const none = 1 // IN6_ADDR_GEN_MODE_NONE
	err := h.await(func() error { return h.handle.LinkSetIP6AddrGenMode(link, none) })
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil // a kernel without IPv6
	}
	return err
}

func (h *rtHandle) LinkSetMaster(link, master netlink.Link) error {
	return h.await(func() error { return h.handle.LinkSetMaster(link, master) })
}

func (h *rtHandle) AddrAdd(link netlink.Link, address *netlink.Addr) error {
	return h.await(func() error { return h.handle.AddrAdd(link, address) })
}

func (h *rtHandle) NeighSet(neighbour *netlink.Neigh) error {
	return h.await(func() error { return h.handle.NeighSet(neighbour) })
}

func (h *rtHandle) RouteAdd(route *netlink.Route) error {
	return h.await(func() error { return h.handle.RouteAdd(route) })
}

// Routes lists the routes of a table for a version of IP.
func (h *rtHandle) Routes(family, table int) (routes []netlink.Route, err error) {
	err = h.await(func() (err error) {
		routes, err = h.handle.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
		return err
	})
	return routes, err
}
