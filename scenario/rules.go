package scenario

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// rule reads what a rule allows. Its id is empty if none is written.
func (w *walk) rule(from rule) (sg.Rule, bool) {
	before := len(w.list)
	r := sg.Rule{ID: from.ID.text, Description: from.Description.text}
	if r.ID != "" {
		w.isNew(from.ID.Place, say.F("a rule"), r.ID)
		if packet.Reserved(r.ID) {
			w.about(from.ID.Place, "%q is reserved for a built-in rule: choose another id", r.ID)
		}
	}
	w.what(&r, from.Protocol, from.Port, from.Type, from.Code)
	var peers []Place
	for _, peer := range []leaf{from.CIDR.leaf, from.SourceGroup.leaf, from.PrefixList.leaf} {
		if peer.given() {
			peers = append(peers, peer.Place)
		}
	}
	switch {
	case len(peers) == 0 && len(w.list) == before:
		w.about(from.Place, "the rule has no peer: add a cidr, a source_group or a prefix_list")
	case len(peers) > 1:
		w.about(peers[1], "a rule has only one peer: a cidr, a source_group or a prefix_list")
	case from.CIDR.given():
		r.Peer, _ = w.cidr(from.CIDR)
	case from.SourceGroup.given():
		r.Reference.GroupID, _ = w.group(from.SourceGroup)
		if r.Reference.GroupID == "" { // already reported
			return r, false
		}
	case from.PrefixList.given():
		var known bool
		if r.PrefixList, known = w.prefixList(from.PrefixList); !known { // already reported
			return r, false
		}
	}
	return r, len(w.list) == before
}

// what reads the protocol and its ports, or the ICMP type and code.
func (w *walk) what(r *sg.Rule, protocol, port, kind, code word) {
	r.From, r.To = sg.Any, sg.Any
	if !protocol.given() {
		return // already reported
	}
	known := true
	if r.Protocol = packet.All; protocol.text != "all" {
		r.Protocol, known = packet.ParseProtocol(protocol.text)
	}
	if !known {
		w.hinted(protocol.Place, DidYouMean(protocol.text, []string{"tcp", "udp", "icmp", "icmpv6", "all"}), "%q is not a protocol", protocol.text)
		return
	}
	ports, types := r.Protocol == packet.TCP || r.Protocol == packet.UDP, r.Protocol == packet.ICMP || r.Protocol == packet.ICMPv6
	for _, given := range []struct {
		what   string
		word   word
		meant  bool
		others say.Sentence
	}{{"port", port, ports, say.F("TCP and UDP")}, {"type", kind, types, say.F("ICMP")}, {"code", code, types, say.F("ICMP")}} {
		if given.word.given() && !given.meant {
			w.about(given.word.Place, "a %s is for %s, but this rule is for %s", given.what, given.others, r.Protocol)
			return
		}
	}
	switch {
	case ports && !port.given():
		w.about(protocol.Place, "%s needs a port: 22, 22-25 or all", r.Protocol)
	case ports:
		r.From, r.To = w.ports(port)
	case types:
		r.From, r.To = w.orAll("type", kind), w.orAll("code", code)
		if r.From == sg.Any && r.To != sg.Any {
			w.about(code.Place, "a code needs a type")
		}
	}
}

// ports reads a port, a range or "all".
func (w *walk) ports(from word) (first, last int) {
	if from.text == "all" {
		return sg.Any, sg.Any
	}
	one, other, isRange := strings.Cut(from.text, "-")
	if !isRange {
		other = one
	}
	first, err := strconv.Atoi(strings.TrimSpace(one))
	last, err2 := strconv.Atoi(strings.TrimSpace(other))
	switch {
	case err != nil || err2 != nil || strings.HasPrefix(other, "-"):
		w.about(from.Place, "%q is not a port: write 22, 22-25 or all", from.text)
	case first < 0 || last < 0 || first > 65535 || last > 65535:
		w.about(from.Place, "%s is out of range: ports go from 0 to 65535", from.text)
	case first > last:
		w.about(from.Place, "the ports are reversed: %d is greater than %d", first, last)
	}
	return first, last
}

// orAll reads an ICMP type or code, or "all".
func (w *walk) orAll(what string, from word) int {
	if !from.given() || from.text == "all" {
		return sg.Any
	}
	n, err := strconv.Atoi(from.text)
	if err != nil || n < 0 || n > 255 {
		w.about(from.Place, "%q is not a valid %s: write a number from 0 to 255, or all", from.text, what)
	}
	return n
}

// cidr reads an address range.
func (w *walk) cidr(from word) (netip.Prefix, bool) {
	if !from.given() {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(from.text)
	most, long := tooLong(from.text)
	switch {
	case long:
		w.about(from.Place, "%q has a prefix length that is not from 0 to %d", from.text, most)
	case err != nil || p.Addr().Is4In6():
		w.about(from.Place, "%q is not an address range in CIDR notation, such as 203.0.113.0/24", from.text)
	case p.Masked() != p:
		w.about(from.Place, "%s has host bits: write %s or %s/%d", p, p.Masked(), p.Addr(), p.Addr().BitLen())
	default:
		return p, true
	}
	return p, false
}

// prefixList returns the id of the prefix list with that name.
func (w *walk) prefixList(n name) (id string, known bool) {
	var names []string
	for _, l := range w.sc.Account.PrefixLists {
		names = append(names, l.ID)
	}
	known = slices.Contains(names, n.text)
	if !known && n.given() && w.misses(aList, n.Place, n.text, names) {
		w.hinted(n.Place, DidYouMean(n.text, names), "unknown prefix list %s", n.text)
	}
	return n.text, known
}

// acl reads a network ACL; nil if it is off.
func (w *walk) acl(from acl) *sg.ACL {
	if from.off.given() {
		w.choice(say.F("the ACL"), from.off, "off")
		return nil
	}
	return &sg.ACL{Ingress: w.aclRules(from.rules.Ingress), Egress: w.aclRules(from.rules.Egress)}
}

func (w *walk) aclRules(list []aclRule) []sg.ACLRule {
	var rules []sg.ACLRule
	for _, from := range list {
		r := sg.ACLRule{Number: w.between(from.Rule, say.F("the number of the rule"), 1, sg.MaxACLNumber), Allow: from.Allow.given()}
		protocol := from.Allow
		if !r.Allow {
			protocol = from.Deny
		}
		if from.Allow.given() == from.Deny.given() {
			w.about(from.Place, "an ACL rule either allows or denies a protocol: { rule: 100, allow: icmp, cidr: 0.0.0.0/0 }")
			continue
		}
		var what sg.Rule
		w.what(&what, protocol, from.Port, from.Type, from.Code)
		r.Protocol, r.From, r.To = what.Protocol, what.From, what.To
		var ok bool
		if r.Peer, ok = w.cidr(from.CIDR); !ok {
			r.Peer = netip.PrefixFrom(netip.IPv4Unspecified(), 0) // so that predictions about the rule do not fail too
		}
		switch {
		case slices.ContainsFunc(rules, func(o sg.ACLRule) bool { return o.Number == r.Number }):
			w.about(from.Place, "the ACL has two rules numbered %d in this direction", r.Number)
		case r.Number > 0:
			rules = append(rules, r)
		}
	}
	return rules
}
