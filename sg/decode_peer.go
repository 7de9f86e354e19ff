package sg

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"lablab/packet"
	"lablab/say"
)

// what reads protocol and ports, which a rule has whatever its peer. With an error, it returns the
// widest rule that this could be.
func (r *reader) what(from *node) (Rule, error) {
	rule := Rule{Protocol: packet.All, From: Any, To: Any}
	if err := r.object(from, "IpPermissions"); err != nil {
		return rule, err
	}
	name, err := r.string(from, "IpProtocol")
	if err != nil {
		return rule, err
	}
	if name == "" {
		return rule, r.fail(from, "IpProtocol is missing")
	}
	protocol, known := packet.ParseProtocol(name)
	if !known && strings.EqualFold(name, "all") { // as the AWS CLI takes it
		protocol, known = packet.All, true
	}
	if !known {
		return rule, r.fail(from.member("IpProtocol"), "IpProtocol %q is not valid: expected tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all", name)
	}
	rule.Protocol = protocol
	if !hasPorts(protocol) {
		return rule, nil // EC2 ignores ports here
	}
	first, last, err := r.ports(from, protocol)
	if err != nil {
		return rule, err
	}
	rule.From, rule.To = first, last
	return rule, nil
}

// ports reads the ports of TCP and UDP, or the type and code of ICMP.
func (r *reader) ports(from *node, protocol packet.Protocol) (first, last int, err error) {
	first, hasFirst, errFirst := r.number(from, "FromPort")
	last, hasLast, errLast := r.number(from, "ToPort")
	icmp := protocol == packet.ICMP || protocol == packet.ICMPv6
	most, least, names := 65535, 0, say.F("ports go")
	if icmp {
		most, least, names = 255, Any, say.F("types and codes go")
	}
	switch {
	case errFirst != nil:
		return 0, 0, errFirst
	case errLast != nil:
		return 0, 0, errLast
	case !hasFirst && !hasLast && protocol == packet.ICMPv6:
		return Any, Any, nil
	case !hasFirst || !hasLast:
		return 0, 0, r.fail(from, "%s needs FromPort and ToPort", protocol)
	case first == Any && last == Any:
		return Any, Any, nil
	}
	for _, port := range []struct {
		member string
		value  int
	}{{"FromPort", first}, {"ToPort", last}} {
		if port.value < least || port.value > most {
			return 0, 0, r.fail(from.member(port.member), "%s is %d; %s from %d to %d", port.member, port.value, names, least, most)
		}
	}
	switch {
	case !icmp && first > last:
		return 0, 0, r.fail(from.member("FromPort"), "the ports are reversed: FromPort %d is greater than ToPort %d", first, last)
	case icmp && first == Any:
		return 0, 0, r.fail(from.member("ToPort"), "FromPort is -1 (all types), so ToPort must be -1 (all codes), not %d", last)
	}
	return first, last, nil
}

func (r *reader) ipv4(at *node, rule *Rule) (err error) {
	if at.kind == text {
		rule.Peer, err = r.cidr(at, at.text, false)
		return err
	}
	if err := r.object(at, "IpRanges"); err != nil {
		return err
	}
	r.unknown(at, "IpRange", rangeMembers)
	rule.Peer, err = r.prefix(at, "CidrIp", false)
	return err
}

func (r *reader) ipv6(at *node, rule *Rule) (err error) {
	if at.kind == text {
		rule.Peer, err = r.cidr(at, at.text, true)
		return err
	}
	if err := r.object(at, "Ipv6Ranges"); err != nil {
		return err
	}
	r.unknown(at, "Ipv6Range", range6Members)
	rule.Peer, err = r.prefix(at, "CidrIpv6", true)
	return err
}

func (r *reader) prefixListPeer(at *node, rule *Rule) (err error) {
	if at.kind == text {
		at = &node{kind: object, line: at.line, column: at.column, members: []member{{"PrefixListId", at}}}
	}
	if err := r.object(at, "PrefixListIds"); err != nil {
		return err
	}
	r.unknown(at, "PrefixListId", listMembers)
	rule.PrefixList, err = r.id(at, "PrefixListId")
	return err
}

func (r *reader) pair(at *node, rule *Rule) error {
	if err := r.object(at, "UserIdGroupPairs"); err != nil {
		return err
	}
	r.unknown(at, "UserIdGroupPair", referenceMembers)
	return r.reference(at, rule)
}

// oneSource rejects an element of a list that names several sources.
func (r *reader) oneSource(at *node) error {
	names := []string{"CidrIp", "CidrIpv6", "PrefixListId", "GroupId"}
	named := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return at.member(name).empty() })
	if len(named) > 1 {
		return r.fail(at, "a source has one of %s, not both %s and %s", strings.Join(names, ", "), named[0], named[1])
	}
	return nil
}

// reference reads a group as the source.
func (r *reader) reference(at *node, rule *Rule) error {
	to := &rule.Reference
	for _, m := range []struct {
		name string
		text *string
	}{
		{"GroupName", &to.GroupName}, {"UserId", &to.Owner}, {"VpcId", &to.VPC},
		{"VpcPeeringConnectionId", &to.Peering}, {"PeeringStatus", &to.Status},
	} {
		var err error
		if *m.text, err = r.prose(at, m.name); err != nil {
			return err
		}
	}
	if at.member("GroupId").empty() && to.GroupName != "" {
		return nil
	}
	var err error
	to.GroupID, err = r.id(at, "GroupId")
	return err
}

// prefix reads a member that is an address range of one version of IP.
func (r *reader) prefix(from *node, name string, six bool) (netip.Prefix, error) {
	s, err := r.string(from, name)
	switch {
	case err != nil:
		return netip.Prefix{}, err
	case s == "":
		return netip.Prefix{}, r.fail(from, "%s is missing", name)
	}
	return r.cidr(from.member(name), s, six)
}

// cidr reads an address range of one version of IP. Like EC2 it clears host bits, and adds a note.
func (r *reader) cidr(at *node, s string, six bool) (netip.Prefix, error) {
	prefix, err := r.anyCIDR(at, s)
	if err == nil && prefix.Addr().Is6() != six {
		return netip.Prefix{}, r.fail(at, "%s is of the other IP version", s)
	}
	return prefix, err
}

// anyCIDR reads an address range of any version of IP.
func (r *reader) anyCIDR(at *node, s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, r.fail(at, "%q is not an address range in CIDR notation, such as 203.0.113.0/24", s)
	}
	if masked := prefix.Masked(); masked != prefix {
		r.note(at, "%s has host bits; EC2 changes it to %s", prefix, masked)
		prefix = masked
	}
	return prefix, nil
}

// prose returns a member that is text for people, without control characters, which EC2 does not
// allow and a terminal might obey.
func (r *reader) prose(n *node, name string) (string, error) {
	s, err := r.string(n, name)
	unseen := func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }
	if i := strings.IndexFunc(s, unseen); i >= 0 {
		c := []rune(s[i:])[0]
		r.note(n.member(name), "%s contains the control character %U, which is left out", name, c)
		s = strings.Map(func(c rune) rune {
			if unseen(c) {
				return -1
			}
			return c
		}, s)
	}
	return s, err
}
