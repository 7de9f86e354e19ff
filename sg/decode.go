package sg

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// The members that are read or deliberately ignored, as the AWS SDK for Go names them. The
// tools for .NET and PowerShell have other names for some lists.
var (
	groupMembers      = append(strings.Fields("Description GroupId GroupName OwnerId SecurityGroupArn Tags VpcId"), permissionLists...)
	inboundLists      = strings.Fields("IpPermissions IpPermission")
	outboundLists     = strings.Fields("IpPermissionsEgress IpPermissionEgress")
	permissionLists   = slices.Concat(inboundLists, outboundLists)
	permissionMembers = strings.Fields("IpProtocol FromPort ToPort")
	ruleMembers       = strings.Fields("CidrIpv4 CidrIpv6 Description FromPort GroupId GroupOwnerId IpProtocol IsEgress PrefixListId" +
		" ReferencedGroupInfo ReferencedGroupId SecurityGroupRuleArn SecurityGroupRuleId Tags ToPort")
	rangeMembers     = strings.Fields("CidrIp Description")
	range6Members    = strings.Fields("CidrIpv6 Description")
	listMembers      = strings.Fields("PrefixListId Description")
	tagMembers       = strings.Fields("Key Value")
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
	r.account.knowsGroups = true
	byID := r.groupsByID()
	for _, from := range list {
		g, err := r.group(from)
		if err != nil {
			return err
		}
		known := len(r.account.Unread)
		r.permissions(g, packet.Ingress, from.all(inboundLists))
		r.permissions(g, packet.Egress, from.all(outboundLists))
		if r.hopeless != nil {
			return r.hopeless
		}
		r.missingLists(from, g)
		earlier := byID[g.ID]
		if earlier == nil || earlier.partial {
			_ = r.once(from.member("GroupId"), say.F("group %s", g.ID), nil)
		}
		switch {
		case earlier == nil:
			byID[g.ID] = g
			r.account.Groups = append(r.account.Groups, g)
		case earlier.partial:
			// describe-security-group-rules was read before and has the rules' ids.
			with := *earlier
			*earlier = *g
			earlier.missing = nil
			for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
				r.indexed, r.places = nil, nil
				for _, rule := range with.Rules(d) {
					r.merge(from, earlier, d, rule)
				}
			}
		default:
			earlier.complete(g)
			if !earlier.allowsTheSame(g) {
				return r.fail(from.member("GroupId"), "group %s is listed twice, with different rules: first at %s", g.ID, r.account.seen["group "+g.ID].place)
			}
			r.account.Unread = r.account.Unread[:known] // they are known too
		}
	}
	return nil
}

// missingLists notes the directions of which the file has no list, as --query may leave it. EC2 itself
// prints an empty one.
func (r *reader) missingLists(from *node, g *Group) {
	for d, names := range map[packet.Direction][]string{packet.Ingress: inboundLists, packet.Egress: outboundLists} {
		if !slices.ContainsFunc(from.members, func(m member) bool { return slices.ContainsFunc(names, named(m)) }) {
			if g.missing == nil {
				g.missing = map[packet.Direction]*FileError{}
			}
			text := say.F("group %s has no IpPermissions: its inbound rules are unknown", g.ID)
			if d == packet.Egress {
				text = say.F("group %s has no IpPermissionsEgress: its outbound rules are unknown", g.ID)
			}
			g.missing[d] = &FileError{File: r.file, Line: int(from.line), Column: int(from.column), Message: text}
		}
	}
	switch {
	case len(g.missing) == 2:
		r.missing(from, "group %s has neither IpPermissions nor IpPermissionsEgress: nothing is known of its rules", g.ID)
	case len(g.missing) > 0:
		for _, wrong := range g.missing {
			r.missing(from, "%s", wrong.Message)
		}
	}
}

// complete adds the directions that only one of two readings of a group has to the other.
func (g *Group) complete(o *Group) {
	left := map[packet.Direction]*FileError{}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		switch {
		case o.missing[d] != nil:
			*o.side(d) = g.Rules(d)
			if g.missing[d] != nil {
				left[d] = g.missing[d]
			}
		case g.missing[d] != nil:
			*g.side(d) = o.Rules(d)
		}
	}
	g.missing = left
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
		r.unknown(tag, "Tag", tagMembers)
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
func (r *reader) permissions(g *Group, d packet.Direction, list []*node) {
	for n, from := range list {
		if r.hopeless != nil {
			return
		}
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
			errPeer := peer(r, at, &rule)
			if several := r.oneSource(at); several != nil {
				errPeer, rule.Peer, rule.PrefixList, rule.Reference = several, netip.Prefix{}, "", Reference{}
			}
			if err == nil {
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
			before := map[string]bool{}
			for _, name := range source.names {
				list := from.member(name).list()
				for _, at := range list {
					// .NET writes the ranges twice: as IpRanges, a list of texts, and as Ipv4Ranges.
					if cidr := cidrOf(at); cidr == "" || !before[cidr] {
						add(at, source.read)
					}
				}
				for _, at := range list {
					before[cidrOf(at)] = true
				}
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
