package sg

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// A Never is a statement about all packets of a kind: no group allows any of them to begin a flow.
type Never struct {
	Direction packet.Direction
	Protocol  packet.Protocol
	From, To  int // as in a [Rule]
	Peers     []netip.Prefix
	Except    []netip.Prefix
}

// anywhere stands for all addresses of both versions of IP.
const anywhere = "anywhere"

// ParseNever parses a statement such as "tcp 22 from 0.0.0.0/0", "udp from anywhere except
// 10.0.0.0/8", "icmp type 8 from 203.0.113.7" or "all to ::/0".
func ParseNever(text string) (Never, error) {
	n := Never{From: Any, To: Any}
	words := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(text, ", ", ","), " ,", ","))
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		word := words[0]
		words = words[1:]
		return word
	}
	name := next()
	var known bool
	if n.Protocol, known = packet.ParseProtocol(name); !known && name == "all" {
		n.Protocol, known = packet.All, true
	}
	if !known {
		return n, say.Errorf("%q is not a protocol: expected tcp, udp, icmp, icmpv6, a number from 0 to 255, or all", name)
	}
	word := next()
	for ; word != "from" && word != "to" && word != ""; word = next() {
		if err := n.what(word, next); err != nil {
			return n, err
		}
	}
	switch word {
	case "from":
		n.Direction = packet.Ingress
	case "to":
		n.Direction = packet.Egress
	default:
		return n, say.New("from or to is missing, with addresses")
	}
	var err error
	if n.Peers, err = prefixes(next()); err != nil {
		return n, err
	}
	switch word := next(); {
	case word == "except":
		if n.Except, err = prefixes(next()); err != nil {
			return n, err
		}
	case word != "":
		return n, say.Errorf("unexpected %q after the addresses", word)
	}
	switch {
	case len(words) > 0:
		return n, say.Errorf("unexpected %q after the addresses", words[0])
	case (Packet{Protocol: n.Protocol, Peer: netip.IPv6Unspecified(), To: n.From}).discovers():
		return n, say.New("security groups do not filter neighbour discovery")
	}
	if _, some := n.through(n.addresses(), Rule{Protocol: packet.All, From: Any, To: Any}, spansOf(world)); !some {
		if n.Direction == packet.Egress && slices.ContainsFunc(Services(), n.names) {
			return n, say.New("security groups do not filter traffic to these Amazon addresses")
		}
		return n, say.New("there is no such packet")
	}
	return n, nil
}

// names reports whether an address is among those of the statement.
func (n Never) names(a netip.Addr) bool {
	has := func(p netip.Prefix) bool { return p.Contains(a) }
	return slices.ContainsFunc(n.Peers, has) && !slices.ContainsFunc(n.Except, has)
}

// what reads a port, a range of ports, or the type or code of ICMP.
func (n *Never) what(word string, next func() string) error {
	icmp := n.Protocol == packet.ICMP || n.Protocol == packet.ICMPv6
	number := func(word string, most int) (int, error) {
		v, err := strconv.Atoi(word)
		if err != nil || v < 0 || v > most {
			return 0, say.Errorf("%q is not a number from 0 to %d", word, most)
		}
		return v, nil
	}
	var err error
	switch {
	case icmp && word == "type":
		n.From, err = number(next(), 255)
	case icmp && word == "code" && n.From != Any:
		n.To, err = number(next(), 255)
	case n.Protocol == packet.TCP || n.Protocol == packet.UDP:
		first, last, several := strings.Cut(word, "-")
		if n.From, err = number(first, lastPort); err == nil {
			n.To = n.From
		}
		if several && err == nil {
			n.To, err = number(last, lastPort)
		}
		if err == nil && n.From > n.To {
			err = say.Errorf("the ports %s are reversed", word)
		}
	default:
		err = say.Errorf("unexpected %q: a statement looks like %s", word, "tcp 22 from 0.0.0.0/0")
	}
	return err
}

var world = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// prefixes parses addresses and ranges, separated by commas.
func prefixes(text string) ([]netip.Prefix, error) {
	if text == anywhere {
		return world, nil
	}
	var all []netip.Prefix
	for _, one := range strings.Split(text, ",") {
		p, err := netip.ParsePrefix(one)
		if address, errAddress := netip.ParseAddr(one); errAddress == nil && address.Zone() == "" {
			p, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, say.Errorf("%q is not an address, a range such as 203.0.113.0/24, or anywhere", one)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// String returns the statement in the form that ParseNever takes.
func (n Never) String() string {
	name := n.Protocol.String()
	if n.Protocol == packet.All {
		name = "all"
	}
	what := strings.TrimPrefix(Rule{Protocol: n.Protocol, From: n.From, To: n.To}.What(), n.Protocol.String())
	where := "from"
	if n.Direction == packet.Egress {
		where = "to"
	}
	text := name + what + " " + where + " " + listed(n.Peers)
	if len(n.Except) > 0 {
		text += " except " + listed(n.Except)
	}
	return text
}

func listed(prefixes []netip.Prefix) string {
	if slices.Equal(prefixes, world) {
		return anywhere
	}
	return strings.ReplaceAll(list(prefixes), ", ", ",")
}

// addresses returns the peers that a packet of the statement can have: no packet comes from a
// multicast or loopback address, but some go to a multicast one, and groups do not filter what goes
// to Amazon's services.
func (n Never) addresses() []span {
	nobody := []string{"0.0.0.0/8", "127.0.0.0/8", "255.255.255.255/32", "::/127", "::ffff:0.0.0.0/96"}
	if n.Direction == packet.Ingress {
		nobody = append(nobody, "224.0.0.0/4", "ff00::/8")
	}
	var never []netip.Prefix
	for _, p := range nobody {
		never = append(never, netip.MustParsePrefix(p))
	}
	if n.Direction == packet.Egress {
		for _, service := range Services() {
			never = append(never, netip.PrefixFrom(service, service.BitLen()))
		}
	}
	return minus(spansOf(n.Peers), spansOf(append(never, n.Except...)))
}

// through returns a packet of the statement that a rule with these peers allows, if there is one.
func (n Never) through(addresses []span, r Rule, peers []span) (p Packet, exists bool) {
	p.Protocol = n.Protocol
	switch {
	case n.Protocol == packet.All && r.Protocol == packet.All:
		p.Protocol = packet.TCP
	case n.Protocol == packet.All:
		p.Protocol = r.Protocol
	case r.Protocol != packet.All && r.Protocol != n.Protocol:
		return p, false
	}
	var versions []int // the lengths of addresses
	switch p.Protocol {
	case packet.TCP, packet.UDP:
		first, last := max(n.From, r.From, 0), lastPort
		for _, end := range []int{n.To, r.To} {
			if end != Any {
				last = min(last, end)
			}
		}
		usual := map[packet.Protocol]int{packet.TCP: 22, packet.UDP: 53}[p.Protocol]
		if p.To = first; first == 0 && usual <= last {
			p.To = usual
		}
		if first > last {
			return p, false
		}
	case packet.ICMP, packet.ICMPv6:
		echo, bits := 8, 32
		if p.Protocol == packet.ICMPv6 {
			echo, bits = 128, 128
		}
		versions = []int{bits}
		if n.From != Any && r.From != Any && n.From != r.From || n.To != Any && r.To != Any && n.To != r.To {
			return p, false
		}
		if p.To = max(n.From, r.From); p.To == Any {
			p.To = echo
		}
		p.Code = max(n.To, r.To, 0)
	case 0, 43, 44, 60: // extension headers of IPv6 (RFC 8200)
		versions = []int{32}
	}
	allowed := within(addresses, peers, versions...)
	if len(allowed) == 0 {
		return p, false
	}
	p.Peer = some(allowed)
	return p, !p.discovers()
}

// A Breach is a group that allows what a statement says is never allowed.
type Breach struct {
	Group  string
	Packet Packet   // one of those that it allows
	Rules  []string // all rules that allow any
}

// Breaches returns the groups that allow a packet of the statement, worked out exactly from their
// rules, and the rules of other groups that might but are not known in full.
func (a *Account) Breaches(n Never) (breaches []Breach, doubts []Finding) {
	l, addresses, everyone := a.indexed(), n.addresses(), spansOf(world)
	spans := map[string][]span{} // of each list and group
	for _, g := range a.Groups {
		breach := Breach{Group: g.Key()}
		var doubted []Finding
		for _, r := range g.Rules(n.Direction) {
			peers, reason, stale := l.peers(GroupRule{g.Key(), n.Direction, r})
			if !reason.Empty() && !stale {
				peers = l.possible(r)
			}
			key := r.PeerText() + reason.String()
			if spans[key] == nil {
				spans[key] = spansOf(peers)
			}
			p, allowed := n.through(addresses, r, spans[key])
			if reason.Empty() && !allowed {
				if reason = l.others(r); !reason.Empty() {
					_, allowed = n.through(addresses, r, spansOf(l.possible(r)))
				}
			}
			switch {
			case !allowed:
			case !reason.Empty():
				doubted = append(doubted, Finding{Group: g.Key(), Rule: r.ID, Reason: reason})
			default:
				if len(breach.Rules) == 0 {
					breach.Packet = p
				}
				breach.Rules = append(breach.Rules, r.ID)
			}
		}
		for _, u := range a.unreadOf(g) {
			peers := everyone
			if u.Peer.IsValid() {
				peers = spansOf([]netip.Prefix{u.Peer})
			}
			if _, might := n.through(addresses, u.Rule, peers); might && (u.Direction == n.Direction || u.Direction == "") {
				doubted = append(doubted, Finding{Group: g.Key(), Rule: u.ID, Reason: say.F("%s", u.Err)})
			}
		}
		if len(breach.Rules) > 0 {
			breaches = append(breaches, breach)
		} else {
			doubts = append(doubts, doubted...)
		}
	}
	for _, kind := range []string{"SecurityGroups", "SecurityGroupRules"} {
		if more := a.more(kind); more != nil {
			doubts = append(doubts, Finding{Reason: say.F("%s", more)})
		}
	}
	return breaches, doubts
}

// possible returns the addresses that the peer of a rule can have if its members are unknown.
func (l lookup) possible(r Rule) []netip.Prefix {
	if known := l.list(r.PrefixList); known != nil && known.AddressFamily != "" {
		return slices.DeleteFunc(slices.Clone(world), func(p netip.Prefix) bool { return p.Addr().Is6() != (known.AddressFamily == "IPv6") })
	}
	return world
}
