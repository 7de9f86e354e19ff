package scenario

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lablab/say"
)

// network reads the hosts: two to sixteen, with distinct addresses in one network.
func (w *walk) network(f file) {
	if at, written := w.keys["hosts"]; written && w.unread[aHost] == 0 && (len(f.Hosts) < fewest || len(f.Hosts) > most) {
		w.about(at, "a lab has %d to %d hosts, not %d", fewest, most, len(f.Hosts))
	}
	first := Host{}
	addresses := map[netip.Addr]string{}
	for _, e := range f.Hosts {
		w.isNew(e.Place, say.F("a host"), e.name)
		h := Host{Name: e.name, AlwaysTracked: e.value.AlwaysTracked.value}
		if c := e.value.Conversion; c.given() && w.choice(say.As("conversion"), c, "at-once", "by-packet") {
			h.ByPacket = c.text == "by-packet"
		}
		w.hosts[e.name] = &hostState{groups: map[string]bool{}}
		if at := e.value.Address; at.given() && w.address(at, &h) {
			other, taken := addresses[h.Address.Addr()]
			switch {
			case taken:
				w.about(at.Place, "%s is already the address of host %s", h.Address.Addr(), other)
			case first.Name == "":
				first = h
			case h.Address.Addr().Is4() != first.Address.Addr().Is4():
				w.about(at.Place, "%s is of another IP version than %s of host %s: all hosts share one network", h.Address.Addr(), first.Address.Addr(), first.Name)
			case h.Address.Masked() != first.Address.Masked():
				w.about(at.Place, "%s is in %s, but host %s is in %s: all hosts share one network", h.Address.Addr(), h.Address.Masked(), first.Name, first.Address.Masked())
			}
			addresses[h.Address.Addr()] = h.Name
		}
		w.sc.Hosts = append(w.sc.Hosts, h)
	}
}

// address reads an address and reports whether a host can have it.
func (w *walk) address(from word, h *Host) bool {
	refuse := func(why say.Sentence) bool {
		w.about(from.Place, "%q %s", from.text, why)
		return false
	}
	p, err := netip.ParsePrefix(from.text)
	a := p.Addr()
	switch {
	case err != nil:
		if _, bare := netip.ParseAddr(from.text); bare == nil {
			return refuse(say.F("lacks the prefix length, as in %s/24", from.text))
		}
		if most, long := tooLong(from.text); long {
			return refuse(say.F("has a prefix length that is not from 0 to %d", most))
		}
		return refuse(say.F("is not an address with a prefix length, such as 10.255.1.10/16"))
	case a.Is4In6():
		return refuse(say.F("is an IPv4-mapped IPv6 address"))
	case a.IsUnspecified(), a.IsMulticast(), a.IsLoopback(), a.IsLinkLocalUnicast() && a.Is6():
		return refuse(say.F("cannot be the address of a host"))
	case p.Bits() < a.BitLen()-1 && p.Masked().Addr() == a:
		return refuse(say.F("is the network address"))
	case a.Is4() && p.Bits() < 31 && broadcast(p) == a:
		return refuse(say.F("is the broadcast address"))
	}
	h.Address = p
	return true
}

// tooLong reports whether text is an address with a prefix length out of range, and the longest
// that is possible.
func tooLong(text string) (most int, long bool) {
	address, length, _ := strings.Cut(text, "/")
	a, err := netip.ParseAddr(address)
	n, errLength := strconv.Atoi(length)
	return a.BitLen(), err == nil && errLength == nil && (n < 0 || n > a.BitLen())
}

// broadcast returns the last address of an IPv4 network.
func broadcast(p netip.Prefix) netip.Addr {
	last := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		last[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(last)
}

// carriers attaches the groups to the hosts, once the groups are known.
func (w *walk) carriers(hosts named[host]) {
	for i, e := range hosts {
		w.sc.Hosts[i].Groups = w.carry(e.name, e.value.Groups)
	}
}

// carry returns the ids of the groups that are to be attached to a host, in place of its old ones.
func (w *walk) carry(host string, names []name) []string {
	ids := []string{}
	for _, n := range names {
		id, known := w.group(n)
		if !known {
			w.hosts[host].vague = true
			continue
		}
		if slices.Contains(ids, id) {
			w.about(n.Place, "group %s is listed twice", n.text)
			continue
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		w.hosts[host].groups[id] = true
	}
	return ids
}
