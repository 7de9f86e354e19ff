package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"lablab/ns"
	"lablab/say"
)

// connect connects the hosts: two by a veth pair, more by a switch for each network.
func (l *Lab) connect(ctx context.Context) error {
	var err error
	if len(l.hosts) == 2 && !slices.ContainsFunc(l.hosts, func(h *Host) bool { return h.Second.IsValid() }) {
		err = join(ctx, l.hosts[0], l.hosts[1])
	} else {
		err = l.joinBySwitches(ctx)
	}
	for _, h := range l.hosts {
		if err == nil && h.Address.Addr().Is6() {
			err = awaitAddresses(ctx, h)
		}
		if err == nil {
			err = l.route(h)
		}
	}
	return err
}

// networks returns the networks of the lab, in the order of the hosts.
func (l *Lab) networks() []netip.Prefix {
	var list []netip.Prefix
	for _, h := range l.hosts {
		for _, a := range h.Addresses() {
			if !slices.Contains(list, a.Masked()) {
				list = append(list, a.Masked())
			}
		}
	}
	return list
}

// joinBySwitches connects the hosts of each network by a bridge. The bridges are in a namespace of
// their own, which has no rules.
func (l *Lab) joinBySwitches(ctx context.Context) (err error) {
	if l.middle, err = ns.New(); err != nil {
		return unableTo(makeNamespace, err)
	}
	h, err := rtnetlink(l.middle)
	if err != nil {
		return err
	}
	defer h.Close()
	networks := l.networks()
	var all []port
	for _, host := range l.hosts {
		all = append(all, host.ports(networks)...)
	}
	for network := range networks {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: switchName(network)}}
		if err := h.LinkAdd(bridge); err != nil {
			return unableTo(makeBridge, err)
		}
		if err := h.LinkSetUp(bridge); err != nil {
			return say.Errorf("bring up switch: %w", err)
		}
		for i, p := range all {
			if p.network != network {
				continue
			}
			others := slices.DeleteFunc(slices.Clone(all), func(o port) bool { return o.Host == p.Host || o.network != network })
			if err := l.plug(h, bridge, p, portName(i), others); err != nil {
				return err
			}
		}
	}
	for i, p := range all {
		if err := awaitCarrier(ctx, h, portName(i)); err != nil {
			return err
		}
		own, err := rtnetlink(p.ns)
		if err != nil {
			return err
		}
		err = awaitCarrier(ctx, own, p.name)
		own.Close()
		if err != nil {
			return err
		}
	}
	for network := range networks {
		if err := awaitCarrier(ctx, h, switchName(network)); err != nil {
			return err
		}
	}
	return nil
}

func switchName(network int) string { return fmt.Sprintf("switch%d", network+1) }

func portName(i int) string { return fmt.Sprintf("port%d", i+1) }

// plug connects an interface to a switch.
func (l *Lab) plug(h *rtHandle, bridge *netlink.Bridge, p port, name string, others []port) error {
	own, err := rtnetlink(p.ns)
	if err != nil {
		return err
	}
	defer own.Close()
	end := p.mac()
	end[1]++ // the switch's end, which differs from the host's
	if err := pair(own, p, l.middle, name, end); err != nil {
		return err
	}
	if err := configure(own, p, others); err != nil {
		return err
	}
	there, err := h.LinkByName(name)
	if err != nil {
		return say.Errorf("find %s of the switch: %w", name, err)
	}
	if err := h.LinkSetMaster(there, bridge); err != nil {
		return say.Errorf("attach %s to the switch: %w", p.Name, err)
	}
	if err := h.LinkSetUp(there); err != nil {
		return say.Errorf("bring up %s of the switch: %w", name, err)
	}
	return nil
}
