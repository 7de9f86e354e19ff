package sg

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"lablab/packet"
	"lablab/say"
)

// groups reads describe-security-groups.
func (r *reader) groups(list []types.SecurityGroup) error {
	byID := r.groupsByID()
	for n, from := range list {
		at := path{"SecurityGroups", n}
		g := &Group{
			ID: text(from.GroupId), Name: text(from.GroupName), Description: text(from.Description),
			VPC: text(from.VpcId), Owner: text(from.OwnerId), Tags: map[string]string{},
		}
		if g.ID == "" {
			return r.fail(at, "GroupId is missing")
		}
		if err := r.id(at.with("GroupId"), g.ID); err != nil {
			return err
		}
		earlier, there := byID[g.ID]
		if there && !earlier.partial {
			return r.fail(at.with("GroupId"), "group %s is listed twice", g.ID)
		}
		for _, words := range []struct{ member, text string }{{"Description", g.Description}, {"GroupName", g.Name}} {
			if err := r.printable(at.with(words.member), words.text); err != nil {
				return err
			}
		}
		for _, tag := range from.Tags {
			g.Tags[text(tag.Key)] = text(tag.Value)
		}
		var err error
		if g.Ingress, err = r.permissions(at.with("IpPermissions"), g.ID+":in", from.IpPermissions); err != nil {
			return err
		}
		if g.Egress, err = r.permissions(at.with("IpPermissionsEgress"), g.ID+":out", from.IpPermissionsEgress); err != nil {
			return err
		}
		byID[g.ID] = g
		if !there {
			r.account.Groups = append(r.account.Groups, g)
			continue
		}
		// describe-security-group-rules was read before and has the rules' ids.
		known := *earlier
		*earlier = *g
		byID[g.ID] = earlier
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, rule := range known.Rules(d) {
				if err := r.merge(at, earlier, d, rule); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// groupsByID returns the groups read so far.
func (r *reader) groupsByID() map[string]*Group {
	byID := map[string]*Group{}
	for _, g := range r.account.Groups {
		byID[g.ID] = g
	}
	return byID
}

// permissions makes a rule from each source. describe-security-groups has no rule ids, so an id is
// made from the rule's place: the group, the direction, the permission and the source in it.
func (r *reader) permissions(at path, id string, list []types.IpPermission) ([]Rule, error) {
	var rules []Rule
	for n, from := range list {
		here := at.with(n)
		what, err := r.what(here, from.IpProtocol, from.FromPort, from.ToPort)
		if err != nil {
			return nil, err
		}
		sources := 0
		add := func(member string, k int, description *string, peer func(path, *Rule) error) error {
			sources++
			rule := what
			rule.ID, rule.Description = fmt.Sprintf("%s:%d.%d", id, n+1, sources), text(description)
			source := here.with(member, k)
			if err := r.printable(source.with("Description"), rule.Description); err != nil {
				return err
			}
			if err := peer(source, &rule); err != nil {
				return err
			}
			rules = append(rules, rule)
			return nil
		}
		for k, v4 := range from.IpRanges {
			if err := add("IpRanges", k, v4.Description, r.range4(v4.CidrIp, "CidrIp")); err != nil {
				return nil, err
			}
		}
		for k, v6 := range from.Ipv6Ranges {
			if err := add("Ipv6Ranges", k, v6.Description, r.range6(v6.CidrIpv6, "CidrIpv6")); err != nil {
				return nil, err
			}
		}
		for k, list := range from.PrefixListIds {
			if err := add("PrefixListIds", k, list.Description, r.list(list.PrefixListId)); err != nil {
				return nil, err
			}
		}
		for k, pair := range from.UserIdGroupPairs {
			reference := Reference{
				GroupID: text(pair.GroupId), GroupName: text(pair.GroupName), Owner: text(pair.UserId),
				VPC: text(pair.VpcId), Peering: text(pair.VpcPeeringConnectionId), Status: text(pair.PeeringStatus),
			}
			if err := add("UserIdGroupPairs", k, pair.Description, r.reference(reference)); err != nil {
				return nil, err
			}
		}
	}
	return rules, nil
}

// rules reads describe-security-group-rules: one source each, with an id.
func (r *reader) rules(list []types.SecurityGroupRule) error {
	byID := r.groupsByID()
	seen := map[string]bool{}
	for _, g := range r.account.Groups {
		for _, rule := range slices.Concat(g.Ingress, g.Egress) {
			seen[rule.ID] = true
		}
	}
	for n, from := range list {
		at := path{"SecurityGroupRules", n}
		rule, err := r.what(at, from.IpProtocol, from.FromPort, from.ToPort)
		if err != nil {
			return err
		}
		rule.ID, rule.Description = text(from.SecurityGroupRuleId), text(from.Description)
		switch {
		case rule.ID == "":
			return r.fail(at, "SecurityGroupRuleId is missing")
		case seen[rule.ID]:
			return r.fail(at.with("SecurityGroupRuleId"), "rule %s is given twice", rule.ID)
		case text(from.GroupId) == "":
			return r.fail(at, "GroupId is missing")
		}
		seen[rule.ID] = true
		if err := errors.Join(r.id(at.with("SecurityGroupRuleId"), rule.ID), r.id(at.with("GroupId"), text(from.GroupId))); err != nil {
			return err
		}
		if err := r.printable(at.with("Description"), rule.Description); err != nil {
			return err
		}
		if err := r.onePeer(at, from, &rule); err != nil {
			return err
		}
		d := packet.Ingress
		if from.IsEgress != nil && *from.IsEgress {
			d = packet.Egress
		}
		g := byID[text(from.GroupId)]
		if g == nil {
			g = &Group{ID: text(from.GroupId), Owner: text(from.GroupOwnerId), Tags: map[string]string{}, partial: true}
			byID[g.ID] = g
			r.account.Groups = append(r.account.Groups, g)
		}
		if err := r.merge(at, g, d, rule); err != nil {
			return err
		}
	}
	return nil
}

// onePeer reads the one source of a rule.
func (r *reader) onePeer(at path, from types.SecurityGroupRule, rule *Rule) error {
	var peers []func(path, *Rule) error
	if from.CidrIpv4 != nil {
		peers = append(peers, r.range4(from.CidrIpv4, "CidrIpv4"))
	}
	if from.CidrIpv6 != nil {
		peers = append(peers, r.range6(from.CidrIpv6, "CidrIpv6"))
	}
	if from.PrefixListId != nil {
		peers = append(peers, r.list(from.PrefixListId))
	}
	if ref := from.ReferencedGroupInfo; ref != nil {
		peers = append(peers, r.reference(Reference{
			GroupID: text(ref.GroupId), Owner: text(ref.UserId), VPC: text(ref.VpcId),
			Peering: text(ref.VpcPeeringConnectionId), Status: text(ref.PeeringStatus),
		}))
	}
	if len(peers) != 1 {
		return r.fail(at, "a rule has exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupInfo; this one has %d", len(peers))
	}
	return peers[0](at, rule)
}

// merge assigns the id to a rule that is known from describe-security-groups, or adds the rule. The
// same rule with two EC2 ids would be two sources for one rule, which EC2 does not allow.
func (r *reader) merge(at path, g *Group, d packet.Direction, rule Rule) error {
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
		return nil
	}
	if !strings.HasPrefix((*rules)[i].ID, g.ID+":") {
		return r.fail(at, "rules %s and %s are the same", (*rules)[i].ID, rule.ID)
	}
	(*rules)[i].ID = rule.ID
	return nil
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

// what reads protocol and ports, which a rule has whatever its peer.
func (r *reader) what(at path, protocol *string, from, to *int32) (Rule, error) {
	rule := Rule{From: Any, To: Any}
	if protocol == nil {
		return rule, r.fail(at, "IpProtocol is missing")
	}
	var known bool
	if rule.Protocol, known = packet.ParseProtocol(*protocol); !known {
		return rule, r.fail(at.with("IpProtocol"), "IpProtocol %q is not valid: expected tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all", *protocol)
	}
	if !hasPorts(rule.Protocol) {
		return rule, nil // EC2 ignores ports here
	}
	if from == nil || to == nil {
		if from == nil && to == nil && rule.Protocol == packet.ICMPv6 {
			return rule, nil
		}
		return rule, r.fail(at, "%s needs FromPort and ToPort", rule.Protocol)
	}
	rule.From, rule.To = int(*from), int(*to)
	most, least, names := 65535, 0, say.F("ports go")
	if rule.Protocol == packet.ICMP || rule.Protocol == packet.ICMPv6 {
		most, least, names = 255, Any, say.F("types and codes go")
	}
	if rule.From == Any && rule.To == Any {
		return rule, nil
	}
	for _, port := range []struct {
		member string
		value  int
	}{{"FromPort", rule.From}, {"ToPort", rule.To}} {
		if port.value < least || port.value > most {
			return rule, r.fail(at.with(port.member), "%s is %d; %s from %d to %d", port.member, port.value, names, least, most)
		}
	}
	if most == 65535 && rule.From > rule.To {
		return rule, r.fail(at.with("FromPort"), "the ports are reversed: FromPort %d is greater than ToPort %d", rule.From, rule.To)
	}
	if most == 255 && rule.From == Any {
		return rule, r.fail(at.with("ToPort"), "FromPort is -1 (all types), so ToPort must be -1 (all codes), not %d", rule.To)
	}
	return rule, nil
}

func (r *reader) range4(cidr *string, member string) func(path, *Rule) error {
	return r.addressRange(cidr, member, false)
}

func (r *reader) range6(cidr *string, member string) func(path, *Rule) error {
	return r.addressRange(cidr, member, true)
}

func (r *reader) addressRange(cidr *string, member string, six bool) func(path, *Rule) error {
	return func(at path, rule *Rule) (err error) {
		rule.Peer, err = r.prefix(at, cidr, member, six)
		return err
	}
}

// prefix reads a member of the object at that path: an address range of one version of IP.
func (r *reader) prefix(at path, cidr *string, member string, six bool) (netip.Prefix, error) {
	if cidr == nil {
		return netip.Prefix{}, r.fail(at, "%s is missing", member)
	}
	here := at.with(member)
	prefix, err := r.cidr(here, *cidr)
	if err == nil && prefix.Addr().Is6() != six {
		err = r.fail(here, "%s is of the other IP version", *cidr)
	}
	return prefix, err
}

func (r *reader) list(id *string) func(path, *Rule) error {
	return func(at path, rule *Rule) error {
		if rule.PrefixList = text(id); rule.PrefixList == "" {
			return r.fail(at, "PrefixListId is missing")
		}
		return r.id(at.with("PrefixListId"), rule.PrefixList)
	}
}

func (r *reader) reference(reference Reference) func(path, *Rule) error {
	return func(at path, rule *Rule) error {
		if rule.Reference = reference; reference.GroupID == "" && reference.GroupName == "" {
			return r.fail(at, "GroupId is missing")
		}
		if reference.GroupID == "" {
			return r.printable(at.with("GroupName"), reference.GroupName)
		}
		return r.id(at.with("GroupId"), reference.GroupID)
	}
}

// cidr reads an address range. Like EC2 it clears host bits, and adds a note.
func (r *reader) cidr(at path, s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil || prefix.Addr().Is4In6() {
		return prefix, r.fail(at, "%q is not an address range in CIDR notation, such as 203.0.113.0/24", s)
	}
	if masked := prefix.Masked(); masked != prefix {
		r.note(at, "%s has host bits; EC2 changes it to %s", prefix, masked)
		prefix = masked
	}
	return prefix, nil
}

var errAddress = say.New("not an IP address")

func parseAddress(s string) (netip.Addr, error) {
	address, err := netip.ParseAddr(s)
	if err != nil || address.Zone() != "" {
		return netip.Addr{}, say.Errorf("%q: %w", s, errAddress)
	}
	return address, nil
}

// printable rejects control characters, which EC2 does not allow and a terminal might obey.
func (r *reader) printable(at path, s string) error {
	for _, c := range s {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return r.fail(at, "%v contains the control character %U", at[len(at)-1], c)
		}
	}
	return nil
}
