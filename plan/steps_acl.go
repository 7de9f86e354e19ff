package plan

import (
	"cmp"
	"slices"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

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
