package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// accountBefore adds to the account what the resources were before the change.
func (b *builder) accountBefore() {
	for _, r := range b.resources {
		if r.before == nil || !r.strange.Empty() {
			continue
		}
		var err error
		switch {
		case isGroup(r.kind):
			err = b.groupBefore(r)
		case r.kind == "aws_ec2_managed_prefix_list":
			err = b.listBefore(r)
		case r.kind == "aws_network_acl", r.kind == "aws_default_network_acl":
			err = b.aclBefore(r)
		}
		r.note(err)
	}
	for _, r := range b.resources {
		if r.before == nil || !r.strange.Empty() {
			continue
		}
		a, attached := b.attachment(r, r.before)
		switch {
		case isRule(r.kind):
			r.note(b.ruleBefore(r))
		case r.kind == "aws_network_acl_rule":
			r.note(b.aclRuleBefore(r))
		case attached:
			b.attachedBefore(r, a)
		}
	}
	for _, r := range b.resources { // what is created does not exist yet, except default groups
		if id := b.id(r); r.kind == "aws_default_security_group" && r.anew(after) && b.start.account.Group(id) == nil {
			b.start.account.Groups = append(b.start.account.Groups, &sg.Group{ID: id, Name: "default", VPC: r.after.text("vpc_id"), Tags: map[string]string{}})
			b.start.partial[id] = true
		}
		if slices.Contains(r.actions, creates) && (r.kind == "aws_security_group" || r.kind == "aws_ec2_managed_prefix_list" || r.kind == "aws_network_acl") {
			b.start.absent[symbol(r.address)] = true
		}
	}
	b.start.guard()
}

func (b *builder) groupBefore(r *resource) error {
	set, err := b.ruleset(r, before)
	if err != nil || b.start.account.Group(set.group) != nil {
		return err
	}
	g := &sg.Group{ID: set.group, Name: r.before.text("name"), Description: r.before.text("description"), VPC: r.before.text("vpc_id"), Owner: r.before.text("owner_id"), Tags: map[string]string{}}
	for d, way := range map[packet.Direction]string{packet.Ingress: "in", packet.Egress: "out"} {
		for n, rule := range set.rules(d) {
			rule.ID = fmt.Sprintf("%s:%s:%d", g.ID, way, n+1)
			if err := g.Authorize(d, rule); err != nil && code(err) != sg.Duplicate {
				return err
			}
		}
	}
	b.start.account.Groups = append(b.start.account.Groups, g)
	return nil
}

// ruleBefore adds the rules of a rule resource to its group, or its id to the rule there.
func (b *builder) ruleBefore(r *resource) error {
	set, err := b.ruleset(r, before)
	if err != nil || set.group == "" {
		return err
	}
	g := b.start.account.Group(set.group)
	if g == nil {
		g = &sg.Group{ID: set.group, Tags: map[string]string{}}
		b.start.account.Groups = append(b.start.account.Groups, g)
		b.start.partial[set.group] = true
	}
	id := cmp.Or(r.before.text("security_group_rule_id"), r.before.text("id"))
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for n, rule := range set.rules(d) {
			rule.ID = id
			if !strings.HasPrefix(id, "sgr-") {
				rule.ID = fmt.Sprintf("%s.%d", short(r.address), n+1)
			}
			list := g.Rules(d) // the group's own list
			if at := slices.IndexFunc(list, rule.Same); at >= 0 {
				if strings.HasPrefix(id, "sgr-") {
					list[at].ID = id
				}
				continue
			}
			if b.options.Account != nil && !b.start.partial[set.group] {
				continue // AWS says that the group does not have it
			}
			if err := g.Authorize(d, rule); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *builder) listBefore(r *resource) error {
	id := r.before.text("id")
	if slices.ContainsFunc(b.start.account.PrefixLists, func(l sg.PrefixList) bool { return l.ID == id && l.Known }) {
		return nil
	}
	all, err := prefixes(r.before.blocks("entry"))
	most, _ := r.before.number("max_entries")
	b.start.account.PrefixLists = slices.DeleteFunc(b.start.account.PrefixLists, func(l sg.PrefixList) bool { return l.ID == id })
	b.start.account.PrefixLists = append(b.start.account.PrefixLists, sg.PrefixList{
		ID: id, Name: r.before.text("name"), Owner: r.before.text("owner_id"), AddressFamily: r.before.text("address_family"), Entries: all, Known: true, MaxEntries: most,
	})
	return err
}

func (b *builder) aclBefore(r *resource) error {
	acl, err := aclOf(r.before)
	id := aclID(r.before)
	b.start.acls[id] = acl
	subnets, _ := r.before.texts("subnet_ids")
	for _, subnet := range subnets {
		b.start.guards[subnet] = id
	}
	return err
}

// aclRuleBefore adds the entry of a resource to its network ACL.
func (b *builder) aclRuleBefore(r *resource) error {
	rule, err := r.before.aclRule("rule_number", "rule_action")
	if err != nil {
		return err
	}
	id, d := r.before.text("network_acl_id"), packet.Ingress
	if r.before.yes("egress") {
		d = packet.Egress
	}
	if _, known := b.start.acls[id]; !known {
		b.start.acls[id] = sg.ACL{}
		b.start.partial[id] = true
	}
	_ = aclEntry{id, d, rule, createEntry}.apply(b.start) // unless the network ACL lists it itself
	return nil
}

func aclID(v values) string { return cmp.Or(v.text("id"), v.text("default_network_acl_id")) }

// aclOf reads the entries that stand in a network ACL.
func aclOf(v values) (acl sg.ACL, err error) {
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		var rules []sg.ACLRule
		for _, block := range v.blocks(string(d)) {
			rule, err := block.aclRule("rule_no", "action")
			if err != nil {
				return acl, say.Errorf("%s entry: %w", d, err)
			}
			rules = append(rules, rule)
		}
		slices.SortFunc(rules, func(a, b sg.ACLRule) int { return a.Number - b.Number })
		if d == packet.Ingress {
			acl.Ingress = rules
		} else {
			acl.Egress = rules
		}
	}
	return acl, nil
}
