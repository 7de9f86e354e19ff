package plan

import (
	"fmt"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A ruleset is the rules of a group or of a rule resource.
type ruleset struct {
	group           string
	ingress, egress []sg.Rule
	unknown         map[packet.Direction]bool
}

func (s ruleset) rules(d packet.Direction) []sg.Rule {
	if d == packet.Ingress {
		return s.ingress
	}
	return s.egress
}

func isGroup(kind string) bool {
	return kind == "aws_security_group" || kind == "aws_default_security_group"
}

func isRule(kind string) bool {
	return kind == "aws_security_group_rule" || isNewRule(kind)
}

func isNewRule(kind string) bool {
	return kind == "aws_vpc_security_group_ingress_rule" || kind == "aws_vpc_security_group_egress_rule"
}

// ruleset reads the rules before or after the change.
func (b *builder) ruleset(r *resource, s side) (ruleset, error) {
	if isGroup(r.kind) {
		return b.groupRules(r, s)
	}
	return b.ruleResource(r, r.at(s))
}

// groupRules reads the rules that stand in a group.
func (b *builder) groupRules(r *resource, s side) (ruleset, error) {
	v := r.at(s)
	set := ruleset{group: v.text("id"), unknown: map[packet.Direction]bool{}}
	if set.group == "" || r.anew(s) {
		set.group = b.id(r)
	}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		blocks := v.blocks(string(d))
		if v.isUnknown(string(d)) {
			var known bool
			if blocks, known = b.inline(r, string(d)); !known {
				set.unknown[d] = true
				b.many(r, v, string(d))
				continue
			}
		}
		var all []sg.Rule
		for n, block := range blocks {
			rules, err := b.blockRules(r, block, set.group, fmt.Sprintf("%s.%d", d, n))
			if err != nil {
				return set, say.Errorf("%s rule %d: %w", d, n+1, err)
			}
			all = append(all, rules...)
		}
		if d == packet.Ingress {
			set.ingress = all
		} else {
			set.egress = all
		}
	}
	return set, nil
}

// blockRules reads one element of a group's list of rules.
func (b *builder) blockRules(r *resource, v values, own, path string) ([]sg.Rule, error) {
	cidrs, _ := v.texts("cidr_blocks")
	six, _ := v.texts("ipv6_cidr_blocks")
	names, _ := v.texts("security_group_names")
	rule := ruleValues{protocol: v.text("protocol"), cidrs: slices.Concat(cidrs, six), names: names, description: v.text("description")}
	rule.lists, rule.groups = b.nested(r, v, "prefix_list_ids", path), b.nested(r, v, "security_groups", path)
	if v.yes("self") {
		rule.groups = append(rule.groups, own)
	}
	rule.from, rule.to = v.ports()
	return rule.read()
}

// ruleResource reads a rule that is a resource of its own.
func (b *builder) ruleResource(r *resource, v values) (ruleset, error) {
	set := ruleset{group: b.one(r, v, "security_group_id")}
	var rule ruleValues
	d := packet.Ingress
	if isNewRule(r.kind) {
		if r.kind == "aws_vpc_security_group_egress_rule" {
			d = packet.Egress
		}
		rule = ruleValues{protocol: v.text("ip_protocol"), lists: b.many(r, v, "prefix_list_id"), groups: b.many(r, v, "referenced_security_group_id")}
		rule.cidrs = append(b.many(r, v, "cidr_ipv4"), b.many(r, v, "cidr_ipv6")...)
	} else {
		if strings.EqualFold(v.text("type"), string(packet.Egress)) {
			d = packet.Egress
		}
		names, _ := v.texts("source_security_group_name")
		rule = ruleValues{protocol: v.text("protocol"), lists: b.many(r, v, "prefix_list_ids"), groups: b.many(r, v, "source_security_group_id"), names: names}
		rule.cidrs = append(b.many(r, v, "cidr_blocks"), b.many(r, v, "ipv6_cidr_blocks")...)
		if v.yes("self") && set.group != "" {
			rule.groups = append(rule.groups, set.group)
		}
	}
	rule.description = v.text("description")
	rule.from, rule.to = v.ports()
	rules, err := rule.read()
	if err == nil && len(rules) == 0 && len(r.report.Unresolved) == 0 {
		err = say.New("the rule has no source")
	}
	if isNewRule(r.kind) && len(rules) == 1 {
		rules[0].ID = v.text("id")
	}
	if d == packet.Ingress {
		set.ingress = rules
	} else {
		set.egress = rules
	}
	return set, err
}
