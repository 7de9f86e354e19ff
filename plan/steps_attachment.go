package plan

import (
	"slices"
)

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
