package scenario

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lablab/say"
)

// network reads the hosts: two to sixteen, with distinct addresses. They share one network, or a host
// with two addresses connects two.
func (w *walk) network(f file) {
	if at, written := w.keys["hosts"]; written && w.unread[aHost] == 0 && (len(f.Hosts) < fewest || len(f.Hosts) > most) {
		w.about(at, "a lab has %d to %d hosts, not %d", fewest, most, len(f.Hosts))
	}
	several := slices.ContainsFunc(f.Hosts, func(e entry[host]) bool { return len(e.value.Address) > 1 })
	mistakes := len(w.list)
	taken := map[netip.Addr]string{}
	var before []located
	for _, e := range f.Hosts {
		w.isNew(e.Place, say.F("a host"), e.name)
		h := Host{Name: e.name, AlwaysTracked: e.value.AlwaysTracked.value}
		w.hostModel(e.value, &h)
		w.ownRuleset(e.value, &h)
		w.hosts[e.name] = &hostState{groups: map[string]bool{}, ruled: h.Ruleset != nil}
		for i, at := range e.value.Address {
			a, ok := w.address(at)
			switch {
			case !ok:
				continue
			case i == 0:
				h.Address = a
			case i == 1:
				h.Second = a
			default:
				w.about(at.Place, "a host is in at most two networks")
			}
			if other, is := taken[a.Addr()]; is {
				w.about(at.Place, "%s is already the address of host %s", a.Addr(), other)
			} else {
				w.fits(at.Place, a, h, before, several)
			}
			taken[a.Addr()] = h.Name
		}
		for _, a := range h.Addresses() {
			before = append(before, located{a, h.Name})
		}
		w.sc.Hosts = append(w.sc.Hosts, h)
	}
	w.mislaid = len(w.list) > mistakes
	for i, e := range f.Hosts {
		w.routing(e.value, &w.sc.Hosts[i])
	}
	w.mislaid = len(w.list) > mistakes
}

// A located is an address, and the host that has it.
type located struct {
	address netip.Prefix
	host    string
}

// fits reports where a network cannot be next to those before: all hosts share one unless several
// are wanted, and then no two overlap.
func (w *walk) fits(at Place, a netip.Prefix, h Host, before []located, several bool) {
	if h.Second == a && h.Address.Masked() == a.Masked() {
		w.about(at, "%s is in the network of %s too: a second address is in another network", a.Addr(), h.Address.Addr())
		return
	}
	for _, o := range before {
		switch other := o.address; {
		case a.Addr().Is4() != other.Addr().Is4():
			w.about(at, "%s is of another IP version than %s of host %s: all hosts share one", a.Addr(), other.Addr(), o.host)
			return
		case other.Masked() == a.Masked():
		case !several:
			hint := say.F("for two networks, give the host between them an address in each: address: [10.1.0.1/16, 10.2.0.1/16]")
			if other.Overlaps(a) {
				hint = say.Sentence{} // one of the lengths is wrong
			}
			w.hinted(at, hint, "%s is in %s, but host %s is in %s: all hosts share one network", a.Addr(), a.Masked(), o.host, other.Masked())
			return
		case other.Overlaps(a):
			w.about(at, "%s is in %s, which overlaps %s of host %s", a.Addr(), a.Masked(), other.Masked(), o.host)
			return
		}
	}
}

// address reads an address and reports whether a host can have it.
func (w *walk) address(from word) (netip.Prefix, bool) {
	refuse := func(why say.Sentence) (netip.Prefix, bool) {
		w.about(from.Place, "%q %s", from.text, why)
		return netip.Prefix{}, false
	}
	if !from.given() {
		return netip.Prefix{}, false
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
	return p, true
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
		if w.sc.Hosts[i].Groups = []string{}; w.sc.Hosts[i].Ruleset == nil {
			w.sc.Hosts[i].Groups = w.carry(e.name, e.value.Groups)
		}
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
