package sg

import (
	"cmp"
	"net/netip"

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

func (r *reader) networkACL(from *node) (*ACL, error) {
	acl := &ACL{Ingress: []ACLRule{}, Egress: []ACLRule{}}
	for _, entry := range from.member("Entries").list() {
		if err := r.object(entry, "Entries"); err != nil {
			return nil, err
		}
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
		if from.member(member.name) != nil {
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
	if at := from.member(ports); at != nil && hasPorts(rule.Protocol) {
		low, _, errLow := r.number(at, first)
		high, _, errHigh := r.number(at, last)
		rule.From, rule.To = low, high
		return rule, cmp.Or(errLow, errHigh)
	}
	return rule, nil
}

// guard gives each interface the network ACL of its subnet.
func (r *reader) guard() {
	for n, i := range r.account.Interfaces {
		if acl := r.account.acls[i.Subnet]; acl != nil {
			r.account.Interfaces[n].ACL = acl
		}
	}
}
