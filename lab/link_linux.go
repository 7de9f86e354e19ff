package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// interfaceName is the first interface of a host. Its second one is eth1. Rules know interfaces by
// "eth".
const interfaceName = "eth0"

// A port is an interface of a host.
type port struct {
	*Host
	name    string
	address netip.Prefix
	network int // number of its network, from 0
}

// ports returns the interfaces of a host. networks are all networks of the lab, in order.
func (h *Host) ports(networks []netip.Prefix) []port {
	var list []port
	for i, a := range h.Addresses() {
		list = append(list, port{h, fmt.Sprintf("eth%d", i), a, max(slices.Index(networks, a.Masked()), 0)})
	}
	return list
}

// mac returns the interface's link-layer address, which no other has.
func (p port) mac() net.HardwareAddr {
	address := mac(p.address.Addr())
	address[1] = byte(2 * p.network)
	return address
}

// join connects two hosts with a veth pair. It creates the pair inside a's namespace with the peer
// in b's, so the machine's own namespace never sees it. It returns once packets can pass.
func join(ctx context.Context, a, b *Host) error {
	pa, pb := a.ports(nil)[0], b.ports(nil)[0]
	ha, err := rtnetlink(a.ns)
	if err != nil {
		return err
	}
	defer ha.Close()
	hb, err := rtnetlink(b.ns)
	if err != nil {
		return err
	}
	defer hb.Close()
	if err := pair(ha, pa, b.ns, interfaceName, pb.mac()); err != nil {
		return err
	}
	if err := configure(ha, pa, []port{pb}); err != nil {
		return err
	}
	if err := configure(hb, pb, []port{pa}); err != nil {
		return err
	}
	// A kernel worker later sets the carrier of the end that came up first; a packet sent before
	// that would be lost silently.
	for _, h := range []*rtHandle{ha, hb} {
		if err := awaitCarrier(ctx, h, interfaceName); err != nil {
			return err
		}
	}
	return nil
}

// pair creates a veth pair: one end in the host's namespace, the other elsewhere.
func pair(h *rtHandle, p port, elsewhere *ns.Namespace, name string, address net.HardwareAddr) error {
	err := h.LinkAdd(&netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: p.name, HardwareAddr: p.mac()},
		PeerName:         name,
		PeerHardwareAddr: address,
		PeerNamespace:    netlink.NsFd(elsewhere.FD()),
	})
	if err != nil {
		return unableTo(makeVeth, err)
	}
	return nil
}

// configure assigns a port's address and brings it up. The neighbour entries are permanent, so no
// packet waits for ARP or neighbour discovery.
func configure(h *rtHandle, p port, others []port) error {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return say.Errorf("find loopback of %s: %w", p.Name, err)
	}
	if err := h.LinkSetUp(lo); err != nil {
		return say.Errorf("bring up loopback of %s: %w", p.Name, err)
	}
	eth, err := h.LinkByName(p.name)
	if err != nil {
		return say.Errorf("find interface of %s: %w", p.Name, err)
	}
	address := &netlink.Addr{IPNet: ipNet(p.address)}
	if p.address.Addr().Is6() {
		address.Flags = unix.IFA_F_NODAD
	}
	if err := h.AddrAdd(eth, address); err != nil {
		return say.Errorf("add address %s to %s: %w", p.address, p.Name, err)
	}
	if err := h.withoutLinkLocal(eth); err != nil {
		return say.Errorf("keep interface of %s without a link-local address: %w", p.Name, err)
	}
	if err := h.LinkSetUp(eth); err != nil {
		return say.Errorf("bring up interface of %s: %w", p.Name, err)
	}
	if everything := p.address.Masked(); everything.Bits() == 0 { // the kernel adds the route of every other network
		if err := h.RouteAdd(&netlink.Route{LinkIndex: eth.Attrs().Index, Dst: ipNet(everything), Scope: unix.RT_SCOPE_LINK}); err != nil {
			return say.Errorf("add route to %s to %s: %w", everything, p.Name, err)
		}
	}
	for _, other := range others {
		err = h.NeighSet(&netlink.Neigh{
			LinkIndex:    eth.Attrs().Index,
			State:        netlink.NUD_PERMANENT,
			IP:           other.address.Addr().AsSlice(),
			HardwareAddr: other.mac(),
		})
		if err != nil {
			return say.Errorf("add neighbour %s to %s: %w", other.Name, p.Name, err)
		}
	}
	return nil
}

// unplug deletes the host's interfaces, and with them the other ends. Programs that keep running in
// the namespace have no network any more.
func unplug(h *Host) error {
	handle, err := rtnetlink(h.ns)
	if err != nil {
		return err
	}
	defer handle.Close()
	for _, p := range h.ports(nil) {
		link, err := handle.LinkByName(p.name)
		var gone netlink.LinkNotFoundError
		if errors.As(err, &gone) { // deleted with the other end
			continue
		}
		if err == nil {
			err = handle.LinkDel(link)
		}
		if err != nil && !errors.Is(err, unix.ENODEV) { // as above, but deleted just now
			return say.Errorf("remove interface of %s: %w", h.Name, err)
		}
	}
	return nil
}

// awaitCarrier waits until the interface is running: the kernel sets IFF_RUNNING once the queue is
// in place (net/core/link_watch.c).
func awaitCarrier(ctx context.Context, h *rtHandle, name string) error {
	const long, step = 5 * time.Second, 200 * time.Microsecond
	for patience := ns.Patient(long, step); !patience.Over(); patience.Spend() {
		link, err := h.LinkByName(name)
		if err != nil {
			return say.Errorf("await carrier: %w", err)
		}
		if link.Attrs().RawFlags&unix.IFF_RUNNING != 0 && link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		select {
		case <-patience.Step():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return say.Errorf("no carrier on a veth pair after %s", long)
}

// mac returns a locally administered address derived from an IPv4 address, or from the end of an
// IPv6 address.
func mac(ip netip.Addr) net.HardwareAddr {
	b := ip.AsSlice()
	return append(net.HardwareAddr{0x02, 0x00}, b[len(b)-4:]...)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
