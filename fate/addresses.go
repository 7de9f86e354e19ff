package fate

import (
	"net/netip"

	"lablab/live"
	"lablab/packet"
	"lablab/sg"
)

// Addresses tell which host has an address.
type addresses struct {
	hosts    map[string]netip.Addr // the first address of each; zero if it has none
	byAddr   map[netip.Addr]string
	prefixes []delegated
}

// A delegated prefix is a range of addresses that a host has.
type delegated struct {
	netip.Prefix
	host string
}

func newAddresses(lists ...[]sg.Interface) addresses {
	a := addresses{hosts: map[string]netip.Addr{}, byAddr: map[netip.Addr]string{}}
	for _, list := range lists {
		a.add(list)
	}
	return a
}

func (a *addresses) add(interfaces []sg.Interface) {
	for _, i := range interfaces {
		a.hosts[i.ID] = netip.Addr{}
		if len(i.Addresses) > 0 {
			a.hosts[i.ID] = i.Addresses[0]
		}
		for _, list := range [][]netip.Addr{i.Addresses, i.Public} {
			for _, address := range list {
				a.byAddr[address] = i.ID
			}
		}
		for _, p := range i.Prefixes {
			a.prefixes = append(a.prefixes, delegated{p, i.ID})
		}
	}
}

func (a addresses) host(address netip.Addr) string {
	if host := a.byAddr[address]; host != "" {
		return host
	}
	for _, d := range a.prefixes {
		if d.Contains(address) {
			return d.host
		}
	}
	return ""
}

// ends returns the host that began a flow, and the one that it began it with; "" for one that is not
// known.
func (a addresses) ends(f live.Flow) (from, to string) {
	from, to = a.host(f.Source), a.host(f.Destination)
	if _, known := a.hosts[f.Host]; !known || f.Host == from || f.Host == to {
		return from, to
	}
	if f.Direction == packet.Egress {
		return f.Host, to
	}
	return from, f.Host
}

// completed returns a flow with the address of its host where the source does not say it.
func (a addresses) completed(f live.Flow) live.Flow {
	own := a.hosts[f.Host]
	switch {
	case !own.IsValid():
	case !f.Source.IsValid():
		f.Source = own
	case !f.Destination.IsValid():
		f.Destination = own
	}
	return f
}
