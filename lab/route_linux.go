package lab

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// has reports whether an address is the host's.
func (h *Host) has(a netip.Addr) bool {
	return slices.ContainsFunc(h.Addresses(), func(p netip.Prefix) bool { return p.Addr() == a })
}

// route adds the host's routes and, if it forwards, turns that on.
func (l *Lab) route(h *Host) error {
	if !slices.ContainsFunc(l.hosts, func(o *Host) bool { return o.Forwards || len(o.Routes) > 0 }) {
		return nil
	}
	// Packets may come and go on different ways, and no router tells a host of a shorter one.
	settings := map[string]string{
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/all/send_redirects": "0", "ipv4/conf/all/accept_redirects": "0",
	}
	for _, p := range h.ports(nil) {
		for _, key := range []string{"rp_filter", "send_redirects", "accept_redirects"} {
			settings["ipv4/conf/"+p.name+"/"+key] = "0"
		}
	}
	if h.Forwards && h.Address.Addr().Is4() {
		settings["ipv4/ip_forward"] = "1"
	} else if h.Forwards {
		settings["ipv6/conf/all/forwarding"] = "1"
	}
	if err := h.ns.SetSysctl(settings); err != nil {
		return err
	}
	handle, err := rtnetlink(h.ns)
	if err != nil {
		return err
	}
	defer handle.Close()
	for to, via := range h.Routes {
		next, err := l.host(via)
		if err != nil {
			return err
		}
		gateway, _ := next.Beside(h.Host)
		if err := handle.RouteAdd(&netlink.Route{Dst: ipNet(to), Gw: gateway.Addr().AsSlice()}); err != nil {
			return say.Errorf("add route to %s to %s: %w", to, h.Name, err)
		}
	}
	return nil
}

// neighbours returns the hosts as scenarios describe them.
func (l *Lab) neighbours() []scenario.Host {
	list := make([]scenario.Host, len(l.hosts))
	for i, h := range l.hosts {
		list[i] = h.Host
	}
	return list
}

// A passage is a packet as the groups of a host see it, on its way in or out.
type passage struct {
	packet.Direction
	sg.Packet
}

// firstPackets returns the first packet of a flow as the groups of a host see it: twice if the host
// forwards it.
func firstPackets(h *Host, k packet.Key) []passage {
	p := sg.Packet{Protocol: k.Protocol, To: int(k.DestinationPort)}
	if k.Protocol == packet.ICMP || k.Protocol == packet.ICMPv6 {
		p.To, p.Code = int(k.ICMPType), int(k.ICMPCode)
	}
	in, out := passage{packet.Ingress, p}, passage{packet.Egress, p}
	in.Peer, out.Peer = k.Source, k.Destination
	switch {
	case h.has(k.Source):
		return []passage{out}
	case h.has(k.Destination):
		return []passage{in}
	}
	return []passage{in, out}
}
