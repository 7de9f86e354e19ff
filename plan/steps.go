package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// steps returns what the words in the recipes mean: the calls, from a resource before and after.
func steps() map[string]func(*builder, *resource) []Call {
	return map[string]func(*builder, *resource) []Call{
		"create group":                              (*builder).createGroup,
		"revoke default egress":                     (*builder).revokeDefault,
		"revoke default egress if there are others": (*builder).revokeDefaultIfOthers,
		"revoke ingress":                            func(b *builder, r *resource) []Call { return b.revokeChanged(r, packet.Ingress) },
		"authorize ingress":                         func(b *builder, r *resource) []Call { return b.authorizeChanged(r, packet.Ingress) },
		"revoke egress":                             func(b *builder, r *resource) []Call { return b.revokeChanged(r, packet.Egress) },
		"authorize egress":                          func(b *builder, r *resource) []Call { return b.authorizeChanged(r, packet.Egress) },
		"revoke all":                                (*builder).revokeAll,
		"revoke all if asked":                       (*builder).revokeAllIfAsked,
		"delete group":                              (*builder).deleteGroup,
		"authorize rule":                            (*builder).authorizeRule,
		"authorize rule unless there":               (*builder).authorizeUnlessThere,
		"revoke rule":                               (*builder).revokeRule,
		"modify rule":                               (*builder).modifyRule,
		"describe rule":                             (*builder).describeRule,
		"revoke unlisted":                           (*builder).revokeUnlisted,
		"create list":                               (*builder).createList,
		"remove redescribed entries":                (*builder).removeRedescribed,
		"change entries":                            (*builder).changeEntries,
		"delete list":                               (*builder).deleteList,
		"add entry":                                 (*builder).addEntry,
		"remove entry":                              (*builder).removeEntry,
		"create acl":                                (*builder).createACL,
		"delete ingress entries":                    func(b *builder, r *resource) []Call { return b.aclEntries(r, packet.Ingress, deleteEntry) },
		"create ingress entries":                    func(b *builder, r *resource) []Call { return b.aclEntries(r, packet.Ingress, createEntry) },
		"delete egress entries":                     func(b *builder, r *resource) []Call { return b.aclEntries(r, packet.Egress, deleteEntry) },
		"create egress entries":                     func(b *builder, r *resource) []Call { return b.aclEntries(r, packet.Egress, createEntry) },
		"associate subnets":                         (*builder).associateSubnets,
		"associate subnet":                          (*builder).associateSubnet,
		"release subnets":                           (*builder).releaseSubnets,
		"delete acl":                                (*builder).deleteACL,
		"create entry":                              func(b *builder, r *resource) []Call { return b.aclRule(r, r.after, createEntry) },
		"delete entry":                              func(b *builder, r *resource) []Call { return b.aclRule(r, r.before, deleteEntry) },
		"attach group":                              func(b *builder, r *resource) []Call { return b.joinGroup(r, r.after, true) },
		"detach group":                              func(b *builder, r *resource) []Call { return b.joinGroup(r, r.before, false) },
	}
}

// calls returns the calls of one action, and what it locks meanwhile.
func (b *builder) calls(r *resource, on action) (calls []Call, lock string) {
	if !r.strange.Empty() {
		return nil, ""
	}
	for _, recipe := range b.recipes {
		if recipe.kind != r.kind || recipe.on != on {
			continue
		}
		for _, word := range recipe.calls {
			calls = append(calls, b.steps[word](b, r)...)
		}
		if recipe.lock != "" {
			v := r.after
			if on == deletes {
				v = r.before
			}
			lock = recipe.lock + " " + b.one(r, v, recipe.lock)
		}
		return calls, lock
	}
	if b.known(r.kind) && on == updates { // every change of it replaces it
		r.strange = say.F("the provider never updates %s: it replaces it", r.kind)
		return nil, ""
	}
	return b.attachmentCalls(r, on), ""
}

func (b *builder) call(r *resource, name string, o operation) Call {
	return Call{Name: name, Resource: r.address, operation: o}
}

// wanting is call for one that needs values that are not resolved.
func (b *builder) wanting(r *resource, name string, o operation) Call {
	c := b.call(r, name, o)
	c.Unresolved = slices.Clone(r.report.Unresolved)
	return c
}

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

func (b *builder) createList(r *resource) []Call {
	all, err := prefixes(r.after.blocks("entry"))
	r.note(err)
	most, _ := r.after.number("max_entries")
	list := sg.PrefixList{ID: b.id(r), Name: r.after.text("name"), AddressFamily: r.after.text("address_family"), Entries: all, Known: true, MaxEntries: most}
	return []Call{b.wanting(r, "CreateManagedPrefixList", createList{list})}
}

func (b *builder) deleteList(r *resource) []Call {
	return []Call{b.call(r, "DeleteManagedPrefixList", deleteList{r.before.text("id")})}
}

// entryChanges returns the entries of a prefix list that go, come, and change their description only.
func (b *builder) entryChanges(r *resource) (remove, add, redescribed []netip.Prefix) {
	described := func(v values) map[netip.Prefix]string {
		all := map[netip.Prefix]string{}
		for _, block := range v.blocks("entry") {
			if list, err := prefixes([]values{block}); err != nil {
				r.note(err)
			} else {
				all[list[0]] = block.text("description")
			}
		}
		return all
	}
	was, is := described(r.before), described(r.after)
	for p, text := range was {
		if now, stays := is[p]; !stays {
			remove = append(remove, p)
		} else if now != text {
			redescribed = append(redescribed, p)
		}
	}
	for p := range is {
		if _, there := was[p]; !there {
			add = append(add, p)
		}
	}
	for _, list := range [][]netip.Prefix{remove, add, redescribed} {
		slices.SortFunc(list, netip.Prefix.Compare)
	}
	return remove, add, redescribed
}

// removeRedescribed removes entries whose description changes: EC2 rejects a request that removes and
// adds the same range.
func (b *builder) removeRedescribed(r *resource) []Call {
	if _, _, redescribed := b.entryChanges(r); len(redescribed) > 0 {
		return []Call{b.call(r, "ModifyManagedPrefixList", entries{r.before.text("id"), redescribed, nil})}
	}
	return nil
}

func (b *builder) changeEntries(r *resource) []Call {
	if r.after.isUnknown("entry") {
		b.many(r, r.after, "entry")
		return []Call{b.wanting(r, "ModifyManagedPrefixList", entries{list: r.before.text("id")})}
	}
	remove, add, redescribed := b.entryChanges(r)
	add = slices.SortedFunc(slices.Values(slices.Concat(add, redescribed)), netip.Prefix.Compare)
	if len(remove)+len(add) == 0 {
		return nil
	}
	return []Call{b.call(r, "ModifyManagedPrefixList", entries{r.before.text("id"), remove, add})}
}

func (b *builder) addEntry(r *resource) []Call {
	all, err := prefixes([]values{r.after})
	r.note(err)
	return []Call{b.wanting(r, "ModifyManagedPrefixList", entries{b.one(r, r.after, "prefix_list_id"), nil, all})}
}

func (b *builder) removeEntry(r *resource) []Call {
	all, err := prefixes([]values{r.before})
	r.note(err)
	return []Call{b.call(r, "ModifyManagedPrefixList", entries{r.before.text("prefix_list_id"), all, nil})}
}

func (b *builder) createACL(r *resource) []Call {
	return []Call{b.call(r, "CreateNetworkAcl", createACL{b.id(r)})}
}

func (b *builder) deleteACL(r *resource) []Call {
	return []Call{b.call(r, "DeleteNetworkAcl", deleteACL{r.before.text("id")})}
}

// aclEntries deletes the entries of a network ACL that change, or creates them, one by one.
func (b *builder) aclEntries(r *resource, d packet.Direction, verb aclVerb) []Call {
	var was sg.ACL
	switch {
	case r.anew(after) && r.kind == "aws_default_network_acl":
		was = b.start.acls[r.after.text("default_network_acl_id")]
	case !r.anew(after):
		was, _ = aclOf(r.before) // what is wrong with it was noted
	}
	is, err := aclOf(r.after)
	r.note(err)
	if r.after.isUnknown(string(d)) {
		b.many(r, r.after, string(d))
		return nil
	}
	in, from, name := is.Rules(d), was.Rules(d), "CreateNetworkAclEntry"
	if verb == deleteEntry {
		in, from, name = from, in, "DeleteNetworkAclEntry"
	}
	id := cmp.Or(r.after.text("default_network_acl_id"), b.id(r))
	var calls []Call
	for _, rule := range in {
		if !slices.Contains(from, rule) {
			calls = append(calls, b.call(r, name, aclEntry{id, d, rule, verb}))
		}
	}
	return calls
}

func (b *builder) aclRule(r *resource, v values, verb aclVerb) []Call {
	rule, err := v.aclRule("rule_number", "rule_action")
	r.note(err)
	d := packet.Ingress
	if v.yes("egress") {
		d = packet.Egress
	}
	name := "CreateNetworkAclEntry"
	if verb == deleteEntry {
		name = "DeleteNetworkAclEntry"
		return []Call{b.call(r, name, aclEntry{v.text("network_acl_id"), d, rule, verb})}
	}
	return []Call{b.wanting(r, name, aclEntry{b.one(r, v, "network_acl_id"), d, rule, verb})}
}

const associateName = "ReplaceNetworkAclAssociation"

// associateSubnets gives the subnets that come to a network ACL to it, and those that leave it to the
// default one.
func (b *builder) associateSubnets(r *resource) []Call {
	was, _ := r.before.texts("subnet_ids")
	if r.anew(after) && r.kind == "aws_network_acl" {
		was = nil
	}
	is := b.many(r, r.after, "subnet_ids")
	var calls []Call
	for _, subnet := range is {
		if !slices.Contains(was, subnet) {
			calls = append(calls, b.wanting(r, associateName, associate{subnet, b.id(r)}))
		}
	}
	for _, subnet := range was {
		if !slices.Contains(is, subnet) {
			calls = append(calls, b.release(r, subnet))
		}
	}
	return calls
}

func (b *builder) associateSubnet(r *resource) []Call {
	return []Call{b.wanting(r, associateName, associate{b.one(r, r.after, "subnet_id"), b.one(r, r.after, "network_acl_id")})}
}

func (b *builder) releaseSubnets(r *resource) []Call {
	var calls []Call
	subnets, _ := r.before.texts("subnet_ids")
	for _, subnet := range append(subnets, r.before.text("subnet_id")) {
		if subnet != "" {
			calls = append(calls, b.release(r, subnet))
		}
	}
	return calls
}

// release gives a subnet back to the default network ACL of its VPC, which the file need not have.
func (b *builder) release(r *resource, subnet string) Call {
	for id := range b.start.acls {
		if of := b.byID(id); of != nil && of.kind == "aws_default_network_acl" && of.before.text("vpc_id") == r.before.text("vpc_id") {
			return b.call(r, associateName, associate{subnet, id})
		}
	}
	c := b.call(r, associateName, associate{subnet, "default"})
	c.Unresolved = []Unknown{{Attribute: r.address + ".subnet_ids", Reason: say.F("the entries of the VPC's default network ACL are not in the file")}}
	return c
}

// byID returns the resource that had an id before.
func (b *builder) byID(id string) *resource {
	for _, r := range b.resources {
		if r.before != nil && aclID(r.before) == id {
			return r
		}
	}
	return nil
}

func (b *builder) joinGroup(r *resource, v values, add bool) []Call {
	target, group := b.one(r, v, "network_interface_id"), b.one(r, v, "security_group_id")
	o := join{target: target, add: group}
	if !add {
		o = join{target: target, remove: group}
	}
	return []Call{b.wanting(r, "ModifyNetworkInterfaceAttribute", o)}
}

// attachmentCalls returns the calls for a resource that groups are attached to.
func (b *builder) attachmentCalls(r *resource, on action) []Call {
	s := after
	if on == deletes {
		s = before
	}
	v := r.at(s)
	a, is := b.attachment(r, v)
	if !is && on == updates {
		a, is = b.attachment(r, r.before)
	}
	if !is || slices.Contains(future(), r.kind) || r.kind == "aws_instance" && len(v.blocks("network_interface")) > 0 {
		return nil
	}
	host := b.host(r, s, a)
	switch on {
	case deletes:
		return []Call{b.call(r, deleteName(r.kind), terminate{host.ID, host.Groups})}
	case creates:
		return []Call{b.wanting(r, createName(r.kind), launch{host, a.remote || len(host.Addresses) == 0})}
	}
	was := b.host(r, before, a)
	if sameSet(was.Groups, host.Groups) && len(r.report.Unresolved) == 0 {
		return nil
	}
	return []Call{b.wanting(r, a.call, attach{was.ID, host.Groups, was.Groups})}
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func createName(kind string) string {
	switch kind {
	case "aws_instance":
		return "RunInstances"
	case "aws_network_interface":
		return "CreateNetworkInterface"
	}
	return "Create " + kind
}

func deleteName(kind string) string {
	switch kind {
	case "aws_instance":
		return "TerminateInstances"
	case "aws_network_interface":
		return "DeleteNetworkInterface"
	}
	return "Delete " + kind
}

// promise notes the rules that a resource has after the change.
func (b *builder) promise(r *resource) {
	if r.after == nil || !r.strange.Empty() || len(r.report.Unresolved) > 0 || !isGroup(r.kind) && !isRule(r.kind) || isGroup(r.kind) && len(r.actions) == 0 {
		return
	}
	was, is := b.rulesAt(r, before), b.rulesAt(r, after)
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		rules := is.rules(d)
		if isGroup(r.kind) {
			rules = missing(rules, was.rules(d))
		}
		for _, rule := range rules {
			b.plan.promises = append(b.plan.promises, promise{r.address, sg.GroupRule{Group: is.group, Direction: d, Rule: rule}})
		}
	}
}

// conclude says what became of a resource.
func (b *builder) conclude(r *resource) {
	report := &r.report
	calls := 0
	for _, n := range r.nodes {
		calls += len(b.graph.nodes[n].calls)
	}
	v := r.after
	if v == nil {
		v = r.before
	}
	_, attached := b.attachment(r, v)
	relevant := b.known(r.kind) || attached
	switch {
	case !r.strange.Empty():
		report.Use, report.Reason = NotUnderstood, r.strange
		for _, n := range r.nodes {
			b.graph.nodes[n].calls = nil
		}
	case len(report.Unresolved) > 0:
		report.Use, report.Reason = Unresolved, report.Unresolved[0].Reason
	case calls > 0:
		report.Use, report.Reason = Used, say.N(calls, "%d call", "%d calls")
	case slices.Contains(future(), r.kind):
		report.Use, report.Reason = NoEffect, say.F("it is for instances to come")
	case relevant && len(r.actions) == 0:
		report.Use, report.Reason = Used, say.F("part of the account before the change")
	case relevant:
		report.Use, report.Reason = NoEffect, say.F("no rule and no attachment changes")
	default:
		report.Use, report.Reason = NoEffect, say.F("it has no security groups")
	}
}
