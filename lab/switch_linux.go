package lab

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"

	"lablab/ns"
	"lablab/say"
)

// connect connects the hosts: two by a veth pair, more by a switch.
func (l *Lab) connect(ctx context.Context) error {
	var err error
	if len(l.hosts) == 2 {
		err = join(ctx, l.hosts[0], l.hosts[1])
	} else {
		err = l.joinBySwitch(ctx)
	}
	for _, h := range l.hosts {
		if err == nil && h.Address.Addr().Is6() {
			err = awaitAddress(ctx, h)
		}
	}
	return err
}

// joinBySwitch connects the hosts by a bridge in its own namespace, which has no rules.
func (l *Lab) joinBySwitch(ctx context.Context) (err error) {
	if l.middle, err = ns.New(); err != nil {
		return unableTo(makeNamespace, err)
	}
	h, err := rtnetlink(l.middle)
	if err != nil {
		return err
	}
	defer h.Close()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "switch"}}
	if err := h.LinkAdd(bridge); err != nil {
		return unableTo(makeBridge, err)
	}
	if err := h.LinkSetUp(bridge); err != nil {
		return say.Errorf("bring up switch: %w", err)
	}
	for i, host := range l.hosts {
		if err := l.plug(h, bridge, host, portName(i)); err != nil {
			return err
		}
	}
	for i, host := range l.hosts {
		if err := awaitCarrier(ctx, h, portName(i)); err != nil {
			return err
		}
		own, err := rtnetlink(host.ns)
		if err != nil {
			return err
		}
		err = awaitCarrier(ctx, own, interfaceName)
		own.Close()
		if err != nil {
			return err
		}
	}
	return awaitCarrier(ctx, h, "switch")
}

func portName(i int) string { return fmt.Sprintf("port%d", i+1) }

// plug connects a host to the switch.
func (l *Lab) plug(h *netlink.Handle, bridge *netlink.Bridge, host *Host, name string) error {
	own, err := rtnetlink(host.ns)
	if err != nil {
		return err
	}
	defer own.Close()
	if err := pair(own, host, l.middle, name, portMAC(host)); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(l.hosts), func(o *Host) bool { return o == host })
	if err := configure(own, host, others); err != nil {
		return err
	}
	port, err := h.LinkByName(name)
	if err != nil {
		return say.Errorf("find %s of the switch: %w", name, err)
	}
	if err := h.LinkSetMaster(port, bridge); err != nil {
		return say.Errorf("attach %s to the switch: %w", host.Name, err)
	}
	if err := h.LinkSetUp(port); err != nil {
		return say.Errorf("bring up %s of the switch: %w", name, err)
	}
	return nil
}

// portMAC returns the address of the switch's end, which differs from the host's.
func portMAC(h *Host) net.HardwareAddr {
	address := mac(h.Address.Addr())
	address[1] = 1
	return address
}
