package lab

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/packet"
)

// A kernel that does not answer is an error within seconds, whatever was asked.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	n := nstest.New(t)
	lo := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: 1}}
	asks := map[string]func(*rtHandle) error{
		"find a link":       func(h *rtHandle) error { _, err := h.LinkByName("lo"); return err },
		"add a link":        func(h *rtHandle) error { return h.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "x"}}) },
		"delete a link":     func(h *rtHandle) error { return h.LinkDel(lo) },
		"bring it up":       func(h *rtHandle) error { return h.LinkSetUp(lo) },
		"set its master":    func(h *rtHandle) error { return h.LinkSetMaster(lo, lo) },
		"set its addresses": func(h *rtHandle) error { return h.withoutLinkLocal(lo) },
		"add an address": func(h *rtHandle) error {
			return h.AddrAdd(lo, &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix("10.0.0.1/8"))})
		},
		"set a neighbour": func(h *rtHandle) error {
			return h.NeighSet(&netlink.Neigh{LinkIndex: 1, IP: net.IPv4(10, 0, 0, 1), HardwareAddr: mac(netip.MustParseAddr("10.0.0.1"))})
		},
		"add a route": func(h *rtHandle) error {
			return h.RouteAdd(&netlink.Route{LinkIndex: 1, Dst: ipNet(netip.MustParsePrefix("10.0.0.0/8"))})
		},
		"list routes": func(h *rtHandle) error { _, err := h.Routes(unix.AF_INET, unix.RT_TABLE_LOCAL); return err },
	}
	handles := map[string]*rtHandle{}
	for name := range asks {
		h, err := rtnetlink(n)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(h.Close)
		handles[name] = h
	}
	nstest.Silence(t, n)
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := ask(handles[name]); err == nil || !strings.Contains(err.Error(), "the kernel did not answer within 5s") {
				t.Error(err)
			}
			if err := ask(handles[name]); err == nil {
				t.Error("a later request was answered")
			}
		})
	}
}

// A host has the addresses of its scenario only, so it sends nothing by itself from others.
func TestNoLinkLocalAddress(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	sc := protocolHosts(packet.TCP, [2]string{"2001:db8::197/64", "2001:db8::10/64"})
	l, _ := build(t, sc)
	for _, h := range l.hosts {
		must(t, h.ns.Do(func() error {
			handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
			if err != nil {
				return err
			}
			defer handle.Close()
			addresses, err := handle.AddrList(nil, netlink.FAMILY_V6)
			for _, a := range addresses {
				if a.IP.IsLinkLocalUnicast() {
					t.Errorf("%s has address %s", h.Name, a.IP)
				}
			}
			if len(addresses) != 2 {
				t.Errorf("%s has %d addresses, want its own and that of its loopback", h.Name, len(addresses))
			}
			return err
		}))
	}
}

// The kernel's answers fit, however small the machine's default is.
func TestReceiveBufferOfRtnetlink(t *testing.T) {
	t.Parallel()
	h, err := rtnetlink(nstest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	sizes, err := h.handle.GetSocketReceiveBufferSize()
	if err != nil || len(sizes) == 0 || slices.Min(sizes) < 64<<10 {
		t.Errorf("%v, %v", sizes, err)
	}
}
