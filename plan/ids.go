package plan

import (
	"cmp"
	"slices"
	"strings"

	"lablab/say"
)

// A reference is what an attribute refers to: the symbols or ids of what it stands for.
type reference struct {
	ids []string
	// from are the resources whose ids these are.
	from []*resource
	// how is the reasoning, if it is more than following references.
	how say.Sentence
	// reason is why it is not resolved; empty if it is.
	reason     say.Sentence
	candidates []string
}

// checkBinds rejects bindings of and to resources that do not exist.
func (b *builder) checkBinds() error {
	for key, value := range b.options.Bind {
		address := key
		for b.byAddress[address] == nil {
			dot := strings.LastIndexByte(address, '.')
			if dot < 0 {
				return say.Errorf("bind %s: %s has no such resource: want ADDRESS.ATTRIBUTE", key, b.plan.File)
			}
			address = address[:dot]
		}
		for _, one := range strings.Split(value, ",") {
			if b.byAddress[one] == nil && !looksLikeID(one) {
				return say.Errorf("bind %s: %q is neither an id nor the address of a resource in %s", key, one, b.plan.File)
			}
		}
	}
	return nil
}

// looksLikeID reports whether a text is an id of EC2, such as sg-0123456789abcdef0.
func looksLikeID(text string) bool {
	kind, number, found := strings.Cut(text, "-")
	return found && len(kind) > 0 && len(number) > 0 && !strings.ContainsAny(text, ". /[]:")
}

// id returns what a resource is called after the change.
func (b *builder) id(r *resource) string {
	if r.kind == "aws_default_security_group" && r.anew(after) { // it is there already
		for _, g := range b.start.account.Groups {
			if g.Name == "default" && g.VPC == r.after.text("vpc_id") {
				return g.ID
			}
		}
	}
	if r.after == nil || r.anew(after) {
		return symbol(r.address)
	}
	return cmp.Or(r.after.text("id"), r.before.text("id"), symbol(r.address))
}

// many returns a list of ids; an unknown one is resolved, or added to what is unresolved.
func (b *builder) many(r *resource, v values, name string) []string {
	list, known := v.texts(name)
	if known {
		return list
	}
	key := r.address + "." + name
	if value, given := b.options.Bind[key]; given {
		b.bound[key] = true
		for _, one := range strings.Split(value, ",") {
			if to := b.byAddress[one]; to != nil {
				one = b.id(to)
				b.need(r, to)
			}
			list = append(list, one)
		}
		return list
	}
	ref := b.refer(r, name)
	if !ref.reason.Empty() {
		if !slices.ContainsFunc(r.report.Unresolved, func(u Unknown) bool { return u.Attribute == key }) {
			r.report.Unresolved = append(r.report.Unresolved, Unknown{key, ref.reason, ref.candidates})
		}
		return append(list, ref.ids...)
	}
	if !ref.how.Empty() {
		said := say.F("%s is %s: %s", name, strings.Join(ref.ids, ", "), ref.how)
		if !slices.ContainsFunc(r.report.Resolved, func(s say.Sentence) bool { return s.String() == said.String() }) {
			r.report.Resolved = append(r.report.Resolved, said)
		}
	}
	b.need(r, ref.from...)
	for _, id := range ref.ids {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// need notes that a resource refers to others.
func (b *builder) need(r *resource, others ...*resource) {
	for _, to := range others {
		if to != r && !slices.Contains(b.needs[r], to) {
			b.needs[r] = append(b.needs[r], to)
		}
	}
}

// one returns an id, or "" if it is not resolved.
func (b *builder) one(r *resource, v values, name string) string {
	list := b.many(r, v, name)
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// nested is many for an attribute of a block.
func (b *builder) nested(r *resource, v values, name, path string) []string {
	return b.many(r, values{path + "." + name: v[name]}, path+"."+name)
}
