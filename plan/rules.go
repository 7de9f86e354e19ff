package plan

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// ruleValues are a rule as the tools write it: what it allows, and any number of sources.
type ruleValues struct {
	protocol    string
	from, to    *int
	cidrs       []string // of both versions of IP
	lists       []string
	groups      []string // ids, with the owner's account before a slash
	names       []string // of groups
	description string
}

// read returns one rule for each source, as EC2 has them, in a fixed order.
func (v ruleValues) read() ([]sg.Rule, error) {
	what, err := v.what()
	if err != nil {
		return nil, err
	}
	what.ID, what.Peer, what.Description = "", netip.Prefix{}, v.description
	var rules []sg.Rule
	for _, text := range v.cidrs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || prefix.Addr().Is4In6() {
			return nil, say.Errorf("%q is not an address range in CIDR notation, such as 203.0.113.0/24", text)
		}
		rule := what
		rule.Peer = prefix.Masked()
		rules = append(rules, rule)
	}
	for _, id := range v.lists {
		rule := what
		rule.PrefixList = id
		rules = append(rules, rule)
	}
	for _, id := range v.groups {
		rule := what
		if owner, group, found := strings.Cut(id, "/"); found && strings.Trim(owner, "0123456789") == "" {
			rule.Reference.Owner, id = owner, group
		}
		rule.Reference.GroupID = id
		rules = append(rules, rule)
	}
	for _, name := range v.names {
		rule := what
		rule.Reference.GroupName = name
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b sg.Rule) int { return cmp.Compare(a.String(), b.String()) })
	return slices.CompactFunc(rules, sg.Rule.Same), nil
}

// what returns protocol and ports as EC2 understands them.
func (v ruleValues) what() (sg.Rule, error) {
	permission := map[string]any{"IpProtocol": v.protocol, "IpRanges": []map[string]string{{"CidrIp": "0.0.0.0/0"}}}
	if v.from != nil {
		permission["FromPort"] = *v.from
	}
	if v.to != nil {
		permission["ToPort"] = *v.to
	}
	text, err := json.Marshal(permission)
	if err != nil {
		return sg.Rule{}, err
	}
	rules, err := sg.Permissions(string(text))
	var wrong *sg.FileError
	switch {
	case errors.As(err, &wrong):
		return sg.Rule{}, say.Errorf("%s", wrong.Message)
	case err != nil:
		return sg.Rule{}, err
	}
	return rules[0], nil
}

// ports reads the ports of a rule.
func (v values) ports() (from, to *int) {
	if n, given := v.number("from_port"); given {
		from = &n
	}
	if n, given := v.number("to_port"); given {
		to = &n
	}
	return from, to
}

// missing returns the rules of a list that another one does not have. Descriptions count, as they do
// for the AWS provider (securityGroupRuleHash).
func missing(in, from []sg.Rule) (rules []sg.Rule) {
	same := func(a, b sg.Rule) bool { return a.Same(b) && a.Description == b.Description }
	for _, r := range in {
		if !slices.ContainsFunc(from, func(o sg.Rule) bool { return same(r, o) }) {
			rules = append(rules, r)
		}
	}
	return rules
}

// overlap reports whether a packet may match both of two rules. Groups and prefix lists may have any
// address.
func overlap(a, b sg.Rule) bool {
	anyPort := func(r sg.Rule) bool { return r.From == sg.Any || r.Protocol.IsICMP() }
	switch {
	case a.Protocol == packet.All || b.Protocol == packet.All:
	case a.Protocol != b.Protocol:
		return false
	case !anyPort(a) && !anyPort(b) && (a.To < b.From || b.To < a.From):
		return false
	}
	return !a.Peer.IsValid() || !b.Peer.IsValid() || a.Peer.Overlaps(b.Peer)
}

// aclRule reads an entry of a network ACL; number and action are the names of two of its attributes.
func (v values) aclRule(number, action string) (sg.ACLRule, error) {
	r := sg.ACLRule{From: sg.Any, To: sg.Any}
	n, given := v.number(number)
	protocol, known := packet.ParseProtocol(v.text("protocol"))
	if !known && strings.EqualFold(v.text("protocol"), "all") {
		protocol, known = packet.All, true
	}
	cidr := cmp.Or(v.text("cidr_block"), v.text("ipv6_cidr_block"))
	prefix, err := netip.ParsePrefix(cidr)
	switch {
	case !given || n < 1 || n > sg.MaxACLNumber:
		return r, say.Errorf("%q is not the number of an entry: want 1 to %d", v.text(number), sg.MaxACLNumber)
	case !known:
		return r, say.Errorf("%q is not a protocol", v.text("protocol"))
	case err != nil:
		return r, say.Errorf("%q is not an address range in CIDR notation, such as 203.0.113.0/24", cidr)
	case !slices.Contains([]string{"allow", "deny"}, strings.ToLower(v.text(action))):
		return r, say.Errorf("%q is not an action: want allow or deny", v.text(action))
	}
	r.Number, r.Allow, r.Protocol, r.Peer = n, strings.EqualFold(v.text(action), "allow"), protocol, prefix.Masked()
	first, last := "from_port", "to_port"
	if protocol.IsICMP() {
		first, last = "icmp_type", "icmp_code"
	}
	if protocol == packet.TCP || protocol == packet.UDP || protocol.IsICMP() {
		r.From, _ = v.number(first)
		r.To, _ = v.number(last)
	}
	return r, nil
}

// prefixes reads the address ranges of blocks.
func prefixes(blocks []values) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, b := range blocks {
		p, err := netip.ParsePrefix(b.text("cidr"))
		if err != nil {
			return nil, say.Errorf("%q is not an address range in CIDR notation, such as 203.0.113.0/24", b.text("cidr"))
		}
		list = append(list, p.Masked())
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list, nil
}

// numbered gives rules ids that no other rule of the plan has.
func (b *builder) numbered(base string, rules []sg.Rule) []sg.Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		if rules[i].ID != "" {
			continue
		}
		name := base
		for n := 2; b.ruleIDs[name]; n++ {
			name = fmt.Sprintf("%s~%d", base, n)
		}
		b.ruleIDs[name] = true
		rules[i].ID = name
	}
	return rules
}

// symbol returns the name of what does not have an id yet: the address of its resource, without the
// characters that names of rules may not have.
func symbol(address string) string {
	return strings.Map(func(c rune) rune {
		if c == '"' || c == '\\' {
			return -1
		}
		return c
	}, address)
}

// short returns the name of a resource without module and type.
func short(address string) string {
	name := symbol(address)
	at := strings.IndexByte(name, '[')
	if at < 0 {
		at = len(name)
	}
	if dot := strings.LastIndexByte(name[:at], '.'); dot >= 0 && !strings.HasPrefix(name, "module.") {
		name = name[dot+1:]
	} else if slash := strings.LastIndex(name, "::"); slash >= 0 {
		name = name[slash+2:]
	} else if i := strings.Index(name, "aws_"); i >= 0 {
		if _, rest, found := strings.Cut(name[i:], "."); found {
			name = rest
		}
	}
	const longest = 100 // bytes; the limit of an nft(8) comment is 128
	return name[:min(len(name), longest)]
}
