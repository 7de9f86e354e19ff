package sg

import (
	"cmp"
	"net/netip"
	"strings"

	"lablab/packet"
	"lablab/say"
)

// networkACLs reads describe-network-acls: an ACL guards the interfaces in its subnets.
func (r *reader) networkACLs(list []*node) error {
	acls := map[string]*ACL{}
	for subnet, acl := range r.account.acls {
		acls[subnet] = acl
	}
	for _, from := range list {
		if err := r.object(from, "NetworkAcls"); err != nil {
			return err
		}
		acl, err := r.networkACL(from)
		if err != nil {
			return err
		}
		for _, association := range from.member("Associations").list() {
			subnet, err := r.id(association, "SubnetId")
			if err != nil {
				return err
			}
			if err := r.once(association.member("SubnetId"), say.F("the network ACL of subnet %s", subnet), *acl); err != nil {
				return err
			}
			acls[subnet] = acl
		}
	}
	r.account.acls = acls
	return nil
}

// The members that are read or deliberately ignored, as the AWS SDK for Go names them.
var (
	aclMembers      = strings.Fields("Associations Entries IsDefault NetworkAclId OwnerId Tags VpcId")
	aclEntryMembers = strings.Fields("CidrBlock Egress IcmpTypeCode Ipv6CidrBlock PortRange Protocol RuleAction RuleNumber")
)

func (r *reader) networkACL(from *node) (*ACL, error) {
	r.unknown(from, "NetworkAcl", aclMembers)
	acl := &ACL{Ingress: []ACLRule{}, Egress: []ACLRule{}}
	for _, entry := range from.member("Entries").list() {
		if err := r.object(entry, "Entries"); err != nil {
			return nil, err
		}
		r.unknown(entry, "NetworkAclEntry", aclEntryMembers)
		rule, err := r.aclRule(entry)
		if err != nil {
			return nil, err
		}
		egress, found, err := r.bool(entry, "Egress")
		switch {
		case err != nil:
			return nil, err
		case !found:
			return nil, r.fail(entry, "%s is missing", "Egress")
		case rule.Number > MaxACLNumber && !rule.Allow: // the last rules, which no one can change
		case egress:
			acl.Egress = append(acl.Egress, rule)
		default:
			acl.Ingress = append(acl.Ingress, rule)
		}
	}
	ordered, err := acl.ordered()
	if err != nil {
		return nil, r.fail(from, "%v", err)
	}
	return ordered, nil
}

func (r *reader) aclRule(from *node) (ACLRule, error) {
	rule := ACLRule{From: Any, To: Any}
	number, found, err := r.number(from, "RuleNumber")
	if err != nil {
		return rule, err
	}
	action, errAction := r.string(from, "RuleAction")
	protocol, errProtocol := r.string(from, "Protocol")
	if err := cmp.Or(errAction, errProtocol); err != nil {
		return rule, err
	}
	rule.Number, rule.Allow = number, action == "allow"
	var known bool
	rule.Protocol, known = packet.ParseProtocol(protocol)
	switch {
	case !found:
		return rule, r.fail(from, "%s is missing", "RuleNumber")
	case action != "allow" && action != "deny":
		return rule, r.fail(from, "RuleAction is %q; expected allow or deny", action)
	case !known:
		return rule, r.fail(from, "%q is not a protocol", protocol)
	}
	for _, member := range []struct {
		name string
		six  bool
	}{{"CidrBlock", false}, {"Ipv6CidrBlock", true}} {
		if !from.member(member.name).empty() {
			if rule.Peer.IsValid() {
				return rule, r.fail(from, "a rule has either CidrBlock or Ipv6CidrBlock, not both")
			}
			if rule.Peer, err = r.prefix(from, member.name, member.six); err != nil {
				return rule, err
			}
		}
	}
	if rule.Peer == (netip.Prefix{}) {
		return rule, r.fail(from, "%s is missing", "CidrBlock")
	}
	ports, first, last := "PortRange", "From", "To"
	if rule.Protocol == packet.ICMP || rule.Protocol == packet.ICMPv6 {
		ports, first, last = "IcmpTypeCode", "Type", "Code"
	}
	if !hasPorts(rule.Protocol) {
		return rule, nil
	}
	var foundLow, foundHigh bool
	var errLow, errHigh error
	at := from.member(ports)
	rule.From, foundLow, errLow = r.number(at, first)
	rule.To, foundHigh, errHigh = r.number(at, last)
	switch {
	case at == nil:
		return rule, r.fail(from, "%s is missing", ports)
	case errLow == nil && !foundLow:
		return rule, r.fail(at, "%s is missing", first)
	case errHigh == nil && !foundHigh:
		return rule, r.fail(at, "%s is missing", last)
	}
	return rule, cmp.Or(errLow, errHigh)
}

// guard gives each interface the network ACL of its subnet.
func (r *reader) guard() {
	for n, i := range r.account.Interfaces {
		if acl := r.account.acls[i.Subnet]; acl != nil {
			r.account.Interfaces[n].ACL = acl
		}
	}
}
