package live

import (
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/sg"
)

// clientPort is the source port of invented flows.
const clientPort = 49152

// A point is a packet in the range of a rule.
type point struct {
	protocol     packet.Protocol
	peer         netip.Addr
	source, port uint16
	kind, code   uint8 // of ICMP
}

// samples returns packets that a rule is about: one inside its range of addresses and ports, and one at
// each end. A rule about all protocols gets one inside for each of TCP, UDP and ICMP, which EC2 tracks
// differently.
func samples(rule sg.Rule, peers []netip.Prefix) (points []point) {
	peers = slices.DeleteFunc(slices.Clone(peers), func(p netip.Prefix) bool { return !p.IsValid() })
	if len(peers) == 0 {
		return nil
	}
	add := func(p packet.Protocol, peer netip.Addr, port uint16) {
		if p == packet.ICMP && peer.Is6() {
			p = packet.ICMPv6
		}
		one := point{protocol: p, peer: peer}
		switch {
		case p.IsICMP():
			one.kind, one.code = message(rule, p)
		case p == packet.TCP || p == packet.UDP:
			one.source, one.port = clientPort, port
		}
		if !slices.Contains(points, one) {
			points = append(points, one)
		}
	}
	inside := within(peers[len(peers)/2])
	first, last := ends(peers[0], peers[len(peers)-1])
	p := rule.Protocol
	low, middle, high := ports(rule)
	if p == packet.All {
		for _, p := range []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP} {
			add(p, inside, usual(p))
		}
		p, low, high = packet.TCP, usual(packet.TCP), usual(packet.TCP)
	} else {
		add(p, inside, middle)
	}
	if first.IsValid() {
		add(p, first, low)
	} else {
		add(p, inside, low)
	}
	if last.IsValid() {
		add(p, last, high)
	} else {
		add(p, inside, high)
	}
	return points
}

// answered returns packets that begin flows whose replies a rule is about.
func answered(rule sg.Rule, peer netip.Prefix) (points []point) {
	low, middle, high := ports(rule)
	for _, p := range []packet.Protocol{packet.TCP, packet.UDP} {
		if rule.Protocol != packet.All && rule.Protocol != p || high < 1024 {
			continue
		}
		source := max(low, middle)
		if low <= clientPort && clientPort <= high {
			source = clientPort
		}
		points = append(points, point{protocol: p, peer: within(peer), source: source, port: usual(p)})
	}
	if rule.Protocol.IsICMP() {
		kind, code := message(rule, rule.Protocol)
		if request, is := packet.Request(rule.Protocol, kind); is {
			points = append(points, point{protocol: rule.Protocol, peer: within(peer), kind: request, code: code})
		}
	}
	return points
}

// message returns the type and code of ICMP that a rule is about; an echo if it is about any.
func message(rule sg.Rule, p packet.Protocol) (kind, code uint8) {
	kind = echo(p)
	if rule.Protocol.IsICMP() && rule.From != sg.Any {
		kind = uint8(rule.From)
		if rule.To != sg.Any {
			code = uint8(rule.To)
		}
	}
	return kind, code
}

// usual returns a port that services of a protocol often have.
func usual(p packet.Protocol) uint16 {
	if p == packet.UDP {
		return 53
	}
	return 443
}

// ports returns the first, a middle and the last port of a rule.
func ports(rule sg.Rule) (low, middle, high uint16) {
	const last = 65535
	if rule.From == sg.Any || rule.Protocol == packet.All {
		return 1, usual(rule.Protocol), last
	}
	low, high = uint16(max(rule.From, 1)), uint16(max(rule.To, 1))
	if u := usual(rule.Protocol); low <= u && u <= high {
		return low, u, high
	}
	return low, low + (high-low)/2, high
}

// within returns an address in the middle of a range: of documentation (RFC 5737, RFC 3849), if the
// range has it.
func within(p netip.Prefix) netip.Addr {
	for _, a := range []string{"203.0.113.10", "198.51.100.10", "192.0.2.10", "2001:db8::10"} {
		if a := netip.MustParseAddr(a); p.Bits() < a.BitLen() && p.Contains(a) {
			return a
		}
	}
	middle := p.Masked().Addr().AsSlice()
	if n := p.Bits(); n < len(middle)*8 {
		middle[n/8] |= 0x80 >> (n % 8)
	}
	a, _ := netip.AddrFromSlice(middle)
	return a
}

// ends returns the first address of one range and the last one of another. They are invalid if no host
// can have them.
func ends(from, to netip.Prefix) (first, last netip.Addr) {
	first = from.Masked().Addr()
	all := to.Masked().Addr().AsSlice()
	for i := range len(all)*8 - to.Bits() {
		bit := len(all)*8 - 1 - i
		all[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ = netip.AddrFromSlice(all)
	return ofHost(first), ofHost(last)
}

// ofHost returns an address, unless no host can have it.
func ofHost(a netip.Addr) netip.Addr {
	if a.Is4() && a.As4()[0] >= 240 || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
		return netip.Addr{}
	}
	return a
}
