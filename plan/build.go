package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A resource is what a tool wants to change or leave as it is.
type resource struct {
	address string
	kind    string // as Terraform names the type
	// actions are create, update or delete, in the tool's order; none if the resource stays as it is.
	actions       []action
	before, after values // nil if it does not exist
	report        Resource
	// strange is why the change cannot be understood; empty if it can.
	strange say.Sentence
	// scope is for the tool's own reader.
	scope any
	// nodes are the resource's places in the graph, by action.
	nodes map[action]int
}

// A side is before or after the change.
type side bool

const (
	before side = false
	after  side = true
)

// at returns the attributes of one side.
func (r *resource) at(s side) values {
	if s == after {
		return r.after
	}
	return r.before
}

// anew reports whether the resource of that side is one that the change creates.
func (r *resource) anew(s side) bool { return s == after && slices.Contains(r.actions, creates) }

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

// A builder turns resources into a start and calls.
type builder struct {
	plan      *Plan
	options   Options
	start     *state
	graph     graph
	resources []*resource
	recipes   []recipe
	steps     map[string]func(*builder, *resource) []Call
	// refer resolves an attribute that is unknown, and inline the rules of a group that are.
	refer  func(r *resource, attribute string) reference
	inline func(r *resource, attribute string) (blocks []values, known bool)

	byAddress map[string]*resource
	ruleIDs   map[string]bool
	bound     map[string]bool
	needs     map[*resource][]*resource // to which unknown attributes were resolved
}

func newBuilder(p *Plan, o Options, recipes []recipe) *builder {
	account := &sg.Account{}
	if o.Account != nil {
		account = o.Account.Clone()
	}
	b := &builder{plan: p, options: o, start: newState(account), recipes: recipes, steps: steps(), byAddress: map[string]*resource{}, ruleIDs: map[string]bool{}, bound: map[string]bool{}, needs: map[*resource][]*resource{}}
	b.start.quota = o.Quota
	b.graph.width = 10 // resources that Terraform works on at once (DefaultParallelism)
	b.refer = func(*resource, string) reference { return reference{reason: say.F("the file does not say it")} }
	b.inline = func(*resource, string) ([]values, bool) { return nil, false }
	return b
}

func (b *builder) add(r *resource) {
	r.report = Resource{Address: r.address, Type: r.kind}
	r.nodes = map[action]int{}
	b.resources = append(b.resources, r)
	b.byAddress[r.address] = r
}

// build makes the account before the change and the calls of each resource. Their order is settled
// by the caller, who knows the tool.
func (b *builder) build() error {
	if err := b.checkBinds(); err != nil {
		return err
	}
	b.accountBefore()
	for _, r := range b.resources {
		for _, on := range r.actions {
			calls, lock := b.calls(r, on)
			r.nodes[on] = b.graph.add(node{resource: r.address, lock: lock, calls: calls})
		}
		if len(r.actions) == 0 {
			r.nodes[keeps] = b.graph.add(node{resource: r.address})
		}
		b.promise(r)
		b.conclude(r)
	}
	for key := range b.options.Bind {
		if !b.bound[key] {
			b.plan.Notes = append(b.plan.Notes, say.F("the value bound to %s was not needed", key))
		}
	}
	b.plan.start, b.plan.Before = b.start, b.start.account
	for id := range b.start.partial {
		b.plan.Partial = append(b.plan.Partial, id)
	}
	slices.Sort(b.plan.Partial)
	for _, r := range b.resources {
		b.plan.Resources = append(b.plan.Resources, r.report)
	}
	return nil
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

// nested is many for an attribute of a block.
func (b *builder) nested(r *resource, v values, name, path string) []string {
	return b.many(r, values{path + "." + name: v[name]}, path+"."+name)
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

// note records why a resource cannot be understood.
func (r *resource) note(err error) {
	if err != nil && r.strange.Empty() {
		r.strange = say.F("%s", err)
	}
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
