package lab

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lablab/say"
)

// awaitAddresses waits until the host accepts packets to its IPv6 addresses. A kernel worker adds the
// local route up to some milliseconds after the interface comes up (addrconf_dad_work in
// net/ipv6/addrconf.c); until then the kernel silently drops those packets.
func awaitAddresses(ctx context.Context, h *Host) error {
	handle, err := rtnetlink(h.ns)
	if err != nil {
		return err
	}
	defer handle.Close()
	const patience = 5 * time.Second // the worker may be waiting for namespaces to be torn down
	err = awaitReport(ctx, patience, func() (bool, error) {
		routes, err := handle.Routes(unix.AF_INET6, unix.RT_TABLE_LOCAL)
		missing := slices.ContainsFunc(h.Addresses(), func(a netip.Prefix) bool {
			return !slices.ContainsFunc(routes, func(r netlink.Route) bool {
				return r.Dst != nil && r.Dst.IP.Equal(a.Addr().AsSlice())
			})
		})
		return !missing, err
	})
	if err != nil {
		return say.Errorf("await address %s of %s: %w", h.Address.Addr(), h.Name, err)
	}
	return nil
}
