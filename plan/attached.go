package plan

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"lablab/sg"
)

// attachment returns how groups are attached to a resource: by its type, or by the name of an
// attribute that only such types have.
func (b *builder) attachment(r *resource, v values) (attachment, bool) {
	for _, a := range attachments() {
		if a.kind == r.kind {
			return a, true
		}
	}
	if isGroup(r.kind) || isRule(r.kind) || b.known(r.kind) {
		return attachment{}, false
	}
	for _, name := range groupAttributes() {
		if b.attaches(v, name) {
			return attachment{kind: r.kind, attribute: name, call: r.kind, remote: true}, true
		}
	}
	for block, value := range v {
		if _, is := value.(map[string]any); !is && len(v.blocks(block)) == 0 {
			continue
		}
		for _, name := range groupAttributes() {
			if blocks := v.blocks(block); len(blocks) > 0 && b.attaches(blocks[0], name) {
				return attachment{kind: r.kind, attribute: block + "." + name, call: r.kind, remote: true}, true
			}
		}
	}
	return attachment{}, false
}

// groupAttributes are the names under which types of the provider list groups.
func groupAttributes() []string {
	return []string{"security_groups", "security_group_ids", "vpc_security_group_ids"}
}

// attaches reports whether an attribute lists ids of groups, or is unknown.
func (b *builder) attaches(v values, name string) bool {
	list, known := v.texts(name)
	return !known || len(list) > 0 && !slices.ContainsFunc(list, func(id string) bool { return !strings.HasPrefix(id, "sg-") })
}

// known reports whether there are recipes for a type.
func (b *builder) known(kind string) bool {
	return slices.ContainsFunc(b.recipes, func(r recipe) bool { return r.kind == kind })
}

// groupsOf returns the groups that are attached to a resource.
func (b *builder) groupsOf(r *resource, v values, a attachment) []string {
	block, name, nested := strings.Cut(a.attribute, ".")
	if !nested {
		return b.many(r, v, a.attribute)
	}
	if v.isUnknown(block) {
		return b.many(r, values{a.attribute: unknown{}}, a.attribute)
	}
	blocks := v.blocks(block)
	if len(blocks) == 0 {
		return nil
	}
	return b.many(r, values{a.attribute: blocks[0][name]}, a.attribute)
}

func (b *builder) attachedBefore(r *resource, a attachment) {
	host := b.host(r, before, a)
	if len(r.before.blocks("network_interface")) > 0 && r.kind == "aws_instance" {
		return // its interface is a resource of its own
	}
	if a.remote || len(host.Addresses) == 0 {
		b.start.attached[host.ID] = host.Groups
		return
	}
	if _, found := b.start.account.Interface(host.ID); !found {
		b.start.account.Attach(host)
	}
}

// host returns the interface of a resource. If AWS listed it, it has the id that AWS knows.
func (b *builder) host(r *resource, s side, a attachment) sg.Interface {
	v := r.at(s)
	host := sg.Interface{ID: cmp.Or(v.text("primary_network_interface_id"), v.text("id"), symbol(r.address)), Subnet: v.text("subnet_id"), Groups: b.groupsOf(r, v, a)}
	if r.anew(s) {
		host.ID = symbol(r.address)
	}
	for _, name := range []string{"private_ip", "private_ips", "ipv6_addresses"} {
		texts, _ := v.texts(name)
		for _, text := range texts {
			if address, err := netip.ParseAddr(text); err == nil && !slices.Contains(host.Addresses, address) {
				host.Addresses = append(host.Addresses, address)
			}
		}
	}
	if public, err := netip.ParseAddr(v.text("public_ip")); err == nil {
		host.Public = append(host.Public, public)
	}
	for _, i := range b.start.account.Interfaces {
		if b.options.Account != nil && len(host.Addresses) > 0 && slices.Contains(i.Addresses, host.Addresses[0]) {
			host.ID = i.ID
		}
	}
	return host
}
