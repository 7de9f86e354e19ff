package sg

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"lablab/packet"
	"lablab/say"
)

// The members that are read or deliberately ignored, as the AWS SDK for Go names them. The
// tools for .NET and PowerShell have other names for some lists.
var (
	groupMembers      = append(strings.Fields("Description GroupId GroupName OwnerId SecurityGroupArn Tags VpcId"), permissionLists...)
	permissionLists   = strings.Fields("IpPermissions IpPermission IpPermissionsEgress IpPermissionEgress")
	permissionMembers = strings.Fields("IpProtocol FromPort ToPort")
	ruleMembers       = strings.Fields("CidrIpv4 CidrIpv6 Description FromPort GroupId GroupOwnerId IpProtocol IsEgress PrefixListId" +
		" ReferencedGroupInfo ReferencedGroupId SecurityGroupRuleArn SecurityGroupRuleId Tags ToPort")
	rangeMembers     = strings.Fields("CidrIp Description")
	range6Members    = strings.Fields("CidrIpv6 Description")
	listMembers      = strings.Fields("PrefixListId Description")
	referenceMembers = strings.Fields("Description GroupId GroupName PeeringStatus UserId VpcId VpcPeeringConnectionId")
)

// sources are the lists of a permission, each with its names.
var sources = []struct {
	names []string
	read  func(*reader, *node, *Rule) error
}{
	{strings.Fields("IpRanges Ipv4Ranges IpRange Ipv4Range"), (*reader).ipv4},
	{strings.Fields("Ipv6Ranges Ipv6Range"), (*reader).ipv6},
	{strings.Fields("PrefixListIds PrefixLists PrefixListId"), (*reader).prefixListPeer},
	{strings.Fields("UserIdGroupPairs UserIdGroupPair"), (*reader).pair},
}

// groups reads describe-security-groups.
func (r *reader) groups(list []*node) error {
	byID := r.groupsByID()
	for _, from := range list {
		g, err := r.group(from)
		if err != nil {
			return err
		}
		known := len(r.account.Unread)
		r.permissions(g, packet.Ingress, from.member(permissionLists[:2]...))
		r.permissions(g, packet.Egress, from.member(permissionLists[2:]...))
		if !slices.ContainsFunc(from.members, func(m member) bool { return slices.ContainsFunc(permissionLists, named(m)) }) {
			r.note(from, "group %s has neither IpPermissions nor IpPermissionsEgress: nothing is known of its rules", g.ID)
		}
		earlier := byID[g.ID]
		switch {
		case earlier == nil:
			byID[g.ID] = g
			r.account.Groups = append(r.account.Groups, g)
		case earlier.partial:
			// describe-security-group-rules was read before and has the rules' ids.
			with := *earlier
			*earlier = *g
			for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
				r.indexed, r.places = nil, nil
				for _, rule := range with.Rules(d) {
					r.merge(from, earlier, d, rule)
				}
			}
		default:
			if !earlier.allowsTheSame(g) {
				return r.fail(from.member("GroupId"), "group %s is listed twice, with different rules", g.ID)
			}
			r.account.Unread = r.account.Unread[:known] // they are known too
		}
	}
	return nil
}

// group reads what a group has beside its rules.
func (r *reader) group(from *node) (*Group, error) {
	if err := r.object(from, "SecurityGroups"); err != nil {
		return nil, err
	}
	r.unknown(from, "SecurityGroup", groupMembers)
	g := &Group{Tags: map[string]string{}}
	var err error
	if g.ID, err = r.id(from, "GroupId"); err != nil {
		return nil, err
	}
	for _, to := range []struct {
		name string
		text *string
	}{{"GroupName", &g.Name}, {"Description", &g.Description}, {"VpcId", &g.VPC}, {"OwnerId", &g.Owner}} {
		if *to.text, err = r.prose(from, to.name); err != nil {
			return nil, err
		}
	}
	for _, tag := range from.member("Tags").list() {
		key, errKey := r.string(tag, "Key")
		value, errValue := r.string(tag, "Value")
		if errKey == nil && errValue == nil {
			g.Tags[key] = value
		}
	}
	return g, nil
}

// groupsByID returns the groups read so far.
func (r *reader) groupsByID() map[string]*Group {
	byID := map[string]*Group{}
	for _, g := range r.account.Groups {
		byID[g.ID] = g
	}
	return byID
}

// allowsTheSame reports whether two groups have the same rules, whatever their order.
func (g *Group) allowsTheSame(o *Group) bool {
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		rules := map[Rule]int{}
		for _, r := range g.Rules(d) {
			rules[r.canonical()]++
		}
		for _, r := range o.Rules(d) {
			rules[r.canonical()]--
		}
		for _, n := range rules {
			if n != 0 {
				return false
			}
		}
	}
	return true
}

// permissions makes a rule from each source. describe-security-groups has no rule ids, so an id is
// made from the rule's place: the group, the direction, the permission and the source in it.
func (r *reader) permissions(g *Group, d packet.Direction, list *node) {
	for n, from := range list.list() {
		what, wrong := r.what(from)
		read := 0
		add := func(at *node, peer func(*reader, *node, *Rule) error) {
			read++
			rule, err := what, wrong
			rule.ID = fmt.Sprintf("%s:%s:%d.%d", g.ID, wayOf(d), n+1, read)
			if at.kind == object {
				var errText error
				if rule.Description, errText = r.prose(at, "Description"); err == nil {
					err = errText
				}
			}
			if errPeer := peer(r, at, &rule); err == nil {
				err = errPeer
			}
			if err != nil {
				_ = r.leaveOut(g, d, rule, err)
				return
			}
			r.merge(at, g, d, rule)
		}
		known := permissionMembers
		for _, source := range sources {
			known = append(known[:len(known):len(known)], source.names...)
			var before []*node
			for _, name := range source.names {
				for _, at := range from.member(name).list() {
					// .NET writes the ranges twice: as IpRanges, a list of texts, and as Ipv4Ranges.
					if slices.ContainsFunc(before, func(b *node) bool { return cidrOf(b) != "" && cidrOf(b) == cidrOf(at) }) {
						continue
					}
					add(at, source.read)
				}
				before = append(before, from.member(name).list()...)
			}
		}
		for _, m := range from.members {
			if m.value.empty() || slices.ContainsFunc(known, named(m)) {
				continue
			}
			before := read
			for _, at := range m.value.list() {
				if at.kind == object || at.kind == text {
					add(at, func(r *reader, at *node, _ *Rule) error {
						return r.fail(at, "lablab does not know the source list %q", m.name)
					})
				}
			}
			if read > before {
				known = append(known, m.name)
			}
		}
		r.unknown(from, "IpPermission", known)
		if read == 0 {
			add(from, func(r *reader, at *node, _ *Rule) error { return r.fail(at, "the permission has no source") })
		}
	}
}

func wayOf(d packet.Direction) string {
	if d == packet.Egress {
		return "out"
	}
	return "in"
}

// cidrOf returns the IPv4 range of an element, as text or as an object.
func cidrOf(n *node) string {
	if n.kind == text {
		return n.text
	}
	if m := n.member("CidrIp"); m != nil {
		return m.text
	}
	return ""
}

// rules reads describe-security-group-rules: one source each, with an id.
func (r *reader) rules(list []*node) error {
	byID := r.groupsByID()
	seen := map[string]Rule{}
	for _, g := range r.account.Groups {
		for _, rule := range slices.Concat(g.Ingress, g.Egress) {
			seen[rule.ID] = rule
		}
	}
	for n, from := range list {
		if err := r.object(from, "SecurityGroupRules"); err != nil {
			return err
		}
		r.unknown(from, "SecurityGroupRule", ruleMembers)
		group, err := r.id(from, "GroupId")
		if err != nil {
			return err
		}
		g := byID[group]
		if g == nil {
			owner, _ := r.string(from, "GroupOwnerId")
			g = &Group{ID: group, Owner: owner, Tags: map[string]string{}, partial: true}
			byID[group] = g
			r.account.Groups = append(r.account.Groups, g)
		}
		rule, d, err := r.rule(from)
		if from.member("SecurityGroupRuleId").empty() {
			r.note(from, "SecurityGroupRuleId is missing")
		}
		if rule.ID == "" {
			rule.ID = fmt.Sprintf("%s:rule:%d", g.ID, n+1)
		}
		if was, there := seen[rule.ID]; err == nil && there {
			if was.Same(rule) {
				continue // the same rule in two files
			}
			err = r.fail(from.member("SecurityGroupRuleId"), "rule %s is given twice", rule.ID)
		}
		if err != nil {
			if err := r.leaveOut(g, d, rule, err); err != nil {
				return err
			}
			continue
		}
		seen[rule.ID] = rule
		r.merge(from, g, d, rule)
	}
	return nil
}

// rule reads a rule with one source. With an error, it returns what could be read.
func (r *reader) rule(from *node) (rule Rule, d packet.Direction, err error) {
	rule, err = r.what(from)
	note := func(another error) {
		if err == nil {
			err = another
		}
	}
	if id, wrong := r.id(from, "SecurityGroupRuleId"); from.member("SecurityGroupRuleId") != nil {
		rule.ID = id
		note(wrong)
	}
	egress, found, wrong := r.bool(from, "IsEgress")
	note(wrong)
	switch {
	case wrong != nil:
	case !found:
		note(r.fail(from, "IsEgress is missing: whether the rule is inbound or outbound is unknown"))
	case egress:
		d = packet.Egress
	default:
		d = packet.Ingress
	}
	rule.Description, wrong = r.prose(from, "Description")
	note(wrong)
	note(r.onePeer(from, &rule))
	return rule, d, err
}

// onePeer reads the one source of a rule.
func (r *reader) onePeer(from *node, rule *Rule) error {
	var peers []func(*Rule) error
	for _, name := range []string{"CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo", "ReferencedGroupId"} {
		m := from.member(name)
		if m.empty() {
			continue
		}
		peers = append(peers, func(rule *Rule) (err error) {
			switch name {
			case "CidrIpv4":
				rule.Peer, err = r.prefix(from, name, false)
			case "CidrIpv6":
				rule.Peer, err = r.prefix(from, name, true)
			case "PrefixListId":
				rule.PrefixList, err = r.id(from, name)
			case "ReferencedGroupInfo":
				err = r.reference(m, rule)
			default: // in the answer to a revocation
				rule.Reference.GroupID, err = r.id(from, name)
			}
			return err
		})
	}
	if len(peers) != 1 {
		return r.fail(from, "a rule has exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupInfo; this one has %d", len(peers))
	}
	return peers[0](rule)
}

// merge adds a rule to a group. If the group has it already, it keeps the id that EC2 gave: EC2 has
// no rule twice.
func (r *reader) merge(at *node, g *Group, d packet.Direction, rule Rule) {
	if r.places == nil {
		r.places, r.indexed = map[placed]int{}, map[side]bool{}
	}
	rules := g.side(d)
	key := placed{g, d, rule.canonical()}
	if s := (side{g, d}); !r.indexed[s] {
		r.indexed[s] = true
		for i, known := range *rules {
			r.places[placed{g, d, known.canonical()}] = i
		}
	}
	i, there := r.places[key]
	if !there {
		r.places[key] = len(*rules)
		*rules = append(*rules, rule)
		return
	}
	madeUp := func(id string) bool { return strings.HasPrefix(id, g.ID+":") }
	known := &(*rules)[i]
	switch {
	case madeUp(known.ID) && !madeUp(rule.ID):
		known.ID = rule.ID
	case madeUp(known.ID) == madeUp(rule.ID):
		r.note(at, "rules %s and %s are the same (%s): EC2 has such a rule once", known.ID, rule.ID, rule)
	}
}

// A side is a group's rules for one direction; a placed rule is one of them.
type (
	side struct {
		group     *Group
		direction packet.Direction
	}
	placed struct {
		group     *Group
		direction packet.Direction
		rule      Rule
	}
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
