package report

import (
	"net/netip"
	"strings"

	"lablab/packet"
	"lablab/timeline"
)

// A netInterface is a network interface of a host: its only one, or that in one of its networks.
type netInterface struct {
	id         string // of the form of EC2's
	host       string
	address    netip.Addr
	network    netip.Prefix
	masquerade bool
	routes     map[netip.Prefix]string
}

// interfaces are the network interfaces of a lab.
type interfaces []netInterface

// interfacesOf returns the interfaces of hosts. A lab's have no ids, so their hosts' names serve.
func interfacesOf(hosts []timeline.Host) interfaces {
	var all interfaces
	for _, h := range hosts {
		i := netInterface{"eni-" + idOf(h.Name), h.Name, h.Address.Addr(), h.Address.Masked(), h.Masquerade, h.Routes}
		all = append(all, i)
		if h.Second.IsValid() {
			i.id, i.address, i.network = i.id+"-2", h.Second.Addr(), h.Second.Masked()
			all = append(all, i)
		}
	}
	return all
}

// idOf returns a host's name as a part of an id: only with characters that no reader of a log obeys.
func idOf(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune("._-", c) {
			return c
		}
		return '_'
	}, name)
}

// of returns the interface that a packet passed, or nil if the lab has none like it.
func (all interfaces) of(j timeline.Judged) *netInterface {
	own, peer := j.Packet.Destination, j.Packet.Source
	if j.Direction == packet.Egress {
		own, peer = peer, own
	}
	for _, passed := range []func(*netInterface) bool{
		func(i *netInterface) bool { return i.address == own },
		func(i *netInterface) bool { return i.network.Contains(peer) },
		func(i *netInterface) bool { return i.network.Contains(all.next(i, peer)) },
		func(*netInterface) bool { return true },
	} {
		for n := range all {
			if i := &all[n]; i.host == j.Host && passed(i) {
				return i
			}
		}
	}
	return nil
}

// next returns the address of the host through which an interface's host reaches an address.
func (all interfaces) next(i *netInterface, peer netip.Addr) netip.Addr {
	through, best := "", -1
	for to, host := range i.routes {
		if to.Contains(peer) && to.Bits() > best {
			through, best = host, to.Bits()
		}
	}
	for _, o := range all {
		if o.host == through && (o.network == i.network || i.network.Contains(o.address)) {
			return o.address
		}
	}
	return netip.Addr{}
}
