package plan

import (
	"slices"

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

// byID returns the resource that had an id before.
func (b *builder) byID(id string) *resource {
	for _, r := range b.resources {
		if r.before != nil && aclID(r.before) == id {
			return r
		}
	}
	return nil
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
