package scenario

import (
	"net/netip"
	"slices"

	"lablab/say"
)

// Addresses returns the host's addresses, one in each of its networks.
func (h Host) Addresses() []netip.Prefix {
	var list []netip.Prefix
	for _, a := range []netip.Prefix{h.Address, h.Second} {
		if a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

// Beside returns the host's address in a network that another host is in too.
func (h Host) Beside(other Host) (netip.Prefix, bool) {
	for _, a := range h.Addresses() {
		for _, o := range other.Addresses() {
			if a.Masked() == o.Masked() {
				return a, true
			}
		}
	}
	return netip.Prefix{}, false
}

// Toward returns the addresses of a flow from this host to another one of these: the target's in a
// common network, or else its first, and the one from which this host reaches it. It returns false if
// the host has no route.
func (h Host) Toward(to Host, hosts []Host) (source, target netip.Addr, ok bool) {
	if a, is := h.Beside(to); is {
		b, _ := to.Beside(h)
		return a.Addr(), b.Addr(), true
	}
	target = to.Address.Addr()
	next, ok := h.Next(target, hosts)
	if !ok {
		return source, target, false
	}
	a, _ := h.Beside(next)
	return a.Addr(), target, true
}

// Next returns the one of these hosts to which this one sends packets to an address: by the longest prefix, as the
// kernel does.
func (h Host) Next(target netip.Addr, hosts []Host) (Host, bool) {
	via, bits := "", -1
	for to, host := range h.Routes {
		if to.Contains(target) && to.Bits() > bits {
			via, bits = host, to.Bits()
		}
	}
	for _, a := range h.Addresses() {
		if !a.Contains(target) || a.Bits() <= bits {
			continue
		}
		i := slices.IndexFunc(hosts, func(o Host) bool {
			return slices.ContainsFunc(o.Addresses(), func(p netip.Prefix) bool { return p.Addr() == target })
		})
		if i < 0 {
			return Host{}, false
		}
		return hosts[i], true
	}
	i := slices.IndexFunc(hosts, func(o Host) bool { return o.Name == via })
	if i < 0 {
		return Host{}, false
	}
	return hosts[i], true
}

// routing reads what a host does with packets that are not for itself. All hosts are known.
func (w *walk) routing(from host, h *Host) {
	h.Forwards = from.Forwards.value
	if problem := h.unforwarding(); !problem.Empty() {
		w.report(from.Forwards.Place, say.F("give it a model of its own, as in model: keep"), problem)
	}
	h.Unchecked = from.SourceDestCheck.given() && !from.SourceDestCheck.value
	if t, ok := w.timeouts(from.Timeouts); ok {
		h.Timeouts = &t
	}
	if from.NAT.given() && w.choice(say.F("the NAT"), from.NAT, "masquerade", "gateway") {
		h.Masquerade, h.Resets = true, from.NAT.text == "gateway"
		h.Unchecked = h.Unchecked || h.Resets // which no NAT gateway has
		if !h.Forwards {
			w.hinted(from.NAT.Place, say.F("add forwards: true"), "%s does not forward anything that it could masquerade", h.Name)
		}
	}
	for _, r := range from.Routes {
		if to, ok := w.route(r, *h); ok {
			if h.Routes == nil {
				h.Routes = map[netip.Prefix]string{}
			}
			h.Routes[to] = r.Via.text
		}
	}
}

// route reads a route of a host, and returns the network that it is for.
func (w *walk) route(from route, h Host) (to netip.Prefix, ok bool) {
	if !h.Address.IsValid() {
		return to, false // already reported
	}
	four := h.Address.Addr().Is4()
	switch {
	case from.To.text != "default":
		to, ok = w.cidr(from.To)
	case four:
		to, ok = netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
	default:
		to, ok = netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
	}
	if !w.host(from.Via) {
		return to, false
	}
	via := w.named(from.Via.text)
	_, beside := h.Beside(via)
	_, twice := h.Routes[to]
	switch {
	case via.Name == h.Name:
		w.about(from.Via.Place, "%s cannot be its own next hop", h.Name)
	case !beside && !w.mislaid:
		w.about(from.Via.Place, "%s and %s have no network in common", h.Name, via.Name)
	case ok && to.Addr().Is4() != four:
		w.about(from.To.Place, "%s is of another IP version than %s", to, h.Address.Addr())
	case ok && twice:
		w.about(from.To.Place, "%s has two routes to %s", h.Name, to)
	default:
		return to, ok
	}
	return to, false
}

// reaches returns the hosts that forward packets between two hosts. It reports where these would get
// lost without a verdict: a host on the way has no route, or does not forward. What a
// source/destination check or a group drops there is seen.
func (w *walk) reaches(at Place, s Start) (via []string) {
	if w.mislaid {
		return nil // already reported
	}
	if s.Published.Host != "" {
		return w.throughPublished(at, s)
	}
	a, b := w.named(s.From), w.named(s.To)
	source, target, ok := a.Toward(b, w.sc.Hosts)
	if !ok {
		w.about(at, "%s has no route to %s", a.Name, target)
		return nil
	}
	via, ends, ok := w.way(at, located{netip.PrefixFrom(source, 0), a.Name}, located{netip.PrefixFrom(target, 0), b.Name})
	if w.anyRuled(via...) { // which may replace addresses
		return via
	}
	for i := len(ends) - 1; ok && i > 0; i-- { // the replies go back from each end to the one before
		var back []string
		back, _, ok = w.way(at, ends[i], ends[i-1])
		via = append(via, back...)
	}
	return via
}

// way follows packets from one host to another. It returns the hosts between, and the ends of what
// conntrack tracks: the sender, each host that masquerades, and the target.
func (w *walk) way(at Place, from, to located) (via []string, ends []located, ok bool) {
	ends = []located{from}
	here, target := w.named(from.host), to.address.Addr()
	for range len(w.sc.Hosts) {
		next, ok := here.Next(target, w.sc.Hosts)
		if here.Masquerade && here.Name != from.host && ok {
			address, _ := here.Beside(next)
			ends = append(ends, located{address, here.Name})
		}
		switch {
		case !ok:
			w.about(at, "%s has no route to %s", here.Name, target)
			return nil, nil, false
		case next.Name == to.host:
			return via, append(ends, to), true
		case !next.Forwards:
			w.hinted(at, say.F("add forwards: true to %s", next.Name), "%s reaches %s through %s, which does not forward", from.host, target, next.Name)
			return nil, nil, false
		}
		here, via = next, append(via, next.Name)
	}
	w.about(at, "packets from %s to %s would go in a circle", from.host, target)
	return nil, nil, false
}

// named returns the host with that name, or one without a name: that it does not exist was reported.
func (w *walk) named(host string) Host {
	i := slices.IndexFunc(w.sc.Hosts, func(h Host) bool { return h.Name == host })
	if i < 0 {
		return Host{}
	}
	return w.sc.Hosts[i]
}
