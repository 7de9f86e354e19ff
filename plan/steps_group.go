package plan

import (
	"cmp"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

func authorizeName(d packet.Direction) string {
	return "AuthorizeSecurityGroup" + strings.ToUpper(string(d[:1])) + string(d[1:])
}

func revokeName(d packet.Direction) string {
	return "RevokeSecurityGroup" + strings.ToUpper(string(d[:1])) + string(d[1:])
}

func (b *builder) createGroup(r *resource) []Call {
	name := r.after.text("name")
	return []Call{b.call(r, "CreateSecurityGroup", createGroup{id: b.id(r), name: name, vpc: r.after.text("vpc_id")})}
}

func (b *builder) revokeDefault(r *resource) []Call {
	rule := defaultEgress("")
	rule.ID = ""
	return []Call{b.call(r, revokeName(packet.Egress), revoke{b.id(r), packet.Egress, []sg.Rule{rule}})}
}

func (b *builder) revokeDefaultIfOthers(r *resource) []Call {
	if len(r.after.blocks("egress")) == 0 && !r.after.isUnknown("egress") {
		return nil
	}
	return b.revokeDefault(r)
}

// rulesAt returns the rules of one side of a resource, and notes what is wrong with them. A group
// that is created has none before.
func (b *builder) rulesAt(r *resource, s side) ruleset {
	if r.at(s) == nil || s == before && r.anew(after) && isGroup(r.kind) {
		return ruleset{}
	}
	set, err := b.ruleset(r, s)
	r.note(err)
	return set
}

func (b *builder) revokeChanged(r *resource, d packet.Direction) []Call {
	was, is := b.rulesAt(r, before), b.rulesAt(r, after)
	switch {
	case is.unknown[d] && len(was.rules(d)) > 0:
		c := b.wanting(r, revokeName(d), revoke{is.group, d, nil})
		return []Call{c}
	case is.unknown[d]:
		return nil
	}
	removed := missing(was.rules(d), is.rules(d))
	if len(removed) == 0 {
		return nil
	}
	return []Call{b.call(r, revokeName(d), revoke{is.group, d, removed})}
}

func (b *builder) authorizeChanged(r *resource, d packet.Direction) []Call {
	was, is := b.rulesAt(r, before), b.rulesAt(r, after)
	added := missing(is.rules(d), was.rules(d))
	if len(added) == 0 && !is.unknown[d] {
		return nil
	}
	added = b.numbered(short(r.address)+"."+string(d), added)
	c := b.wanting(r, authorizeName(d), authorize{is.group, d, added})
	c.Unresolved = slices.DeleteFunc(c.Unresolved, func(u Unknown) bool {
		return !strings.HasPrefix(strings.TrimPrefix(u.Attribute, r.address), "."+string(d))
	})
	return []Call{c}
}

// revokeAll revokes the rules of a group one by one, and those of other groups that name it.
func (b *builder) revokeAll(r *resource) []Call {
	id := cmp.Or(r.before.text("id"), b.id(r))
	var calls []Call
	for _, g := range b.start.account.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, rule := range g.Rules(d) {
				if g.ID == id || rule.Reference.GroupID == id {
					c := b.call(r, revokeName(d), revoke{g.ID, d, []sg.Rule{rule}})
					c.tolerated = notFound()
					calls = append(calls, c)
				}
			}
		}
	}
	return calls
}

// notFound are the codes that the provider ignores when it removes a rule.
func notFound() []string { return []string{sg.NotFound, sg.RuleNotFound, sg.GroupNotFound} }

func (b *builder) revokeAllIfAsked(r *resource) []Call {
	if !r.before.yes("revoke_rules_on_delete") {
		return nil
	}
	return b.revokeAll(r)
}

func (b *builder) deleteGroup(r *resource) []Call {
	return []Call{b.call(r, "DeleteSecurityGroup", deleteGroup{r.before.text("id")})}
}

func (s ruleset) direction() packet.Direction {
	if len(s.egress) > 0 {
		return packet.Egress
	}
	return packet.Ingress
}

func (b *builder) authorizeRule(r *resource) []Call {
	set := b.rulesAt(r, after)
	d := set.direction()
	if r.kind == "aws_vpc_security_group_egress_rule" || strings.EqualFold(r.after.text("type"), string(packet.Egress)) {
		d = packet.Egress
	}
	rules := set.rules(d)
	for i := range rules {
		rules[i].ID = ""
	}
	return []Call{b.wanting(r, authorizeName(d), authorize{set.group, d, b.numbered(short(r.address), rules)})}
}

func (b *builder) authorizeUnlessThere(r *resource) []Call {
	calls := b.authorizeRule(r)
	for i := range calls {
		calls[i].tolerated = []string{sg.Duplicate}
	}
	return calls
}

func (b *builder) revokeRule(r *resource) []Call {
	set := b.rulesAt(r, before)
	d := set.direction()
	c := b.call(r, revokeName(d), revoke{set.group, d, set.rules(d)})
	c.tolerated = notFound()
	return []Call{c}
}

func (b *builder) modifyRule(r *resource) []Call {
	was, is := b.rulesAt(r, before), b.rulesAt(r, after)
	d := is.direction()
	if len(missing(is.rules(d), was.rules(d))) == 0 && len(r.report.Unresolved) == 0 {
		return nil
	}
	rules := is.rules(d)
	for i := range rules {
		rules[i].ID = r.before.text("id")
	}
	return []Call{b.wanting(r, "ModifySecurityGroupRules", modifyRules{is.group, rules, was.rules(d), d})}
}

// describeRule changes a description; a change of anything else would have replaced the rule.
func (b *builder) describeRule(r *resource) []Call {
	was, is := b.rulesAt(r, before), b.rulesAt(r, after)
	d := is.direction()
	plain := func(rules []sg.Rule) []sg.Rule {
		rules = slices.Clone(rules)
		for i := range rules {
			rules[i].Description = ""
		}
		return rules
	}
	if was.group != is.group || len(missing(plain(is.rules(d)), plain(was.rules(d))))+len(missing(plain(was.rules(d)), plain(is.rules(d)))) > 0 {
		r.strange = say.F("the provider never updates more than the description of %s: it replaces it", r.kind)
		return nil
	}
	if len(missing(is.rules(d), was.rules(d))) == 0 {
		return nil
	}
	name := "UpdateSecurityGroupRuleDescriptions" + strings.ToUpper(string(d[:1])) + string(d[1:])
	return []Call{b.call(r, name, nothing{is.group})}
}

// revokeUnlisted revokes the rules of a group that an exclusive list does not have.
func (b *builder) revokeUnlisted(r *resource) []Call {
	id := b.one(r, r.after, "security_group_id")
	g := b.start.account.Group(id)
	if g == nil {
		return nil
	}
	var calls []Call
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		listed := b.many(r, r.after, string(d)+"_rule_ids")
		for _, rule := range g.Rules(d) {
			if slices.Contains(listed, rule.ID) {
				continue
			}
			c := b.wanting(r, revokeName(d), revoke{id, d, []sg.Rule{rule}})
			c.tolerated = notFound()
			calls = append(calls, c)
		}
	}
	return calls
}
