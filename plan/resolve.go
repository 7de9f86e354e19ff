package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lablab/say"
)

// A tfModule is a module in the configuration of a plan (jsonconfig in Terraform's source).
type tfModule struct {
	Resources []tfResource      `json:"resources"`
	Calls     map[string]tfCall `json:"module_calls"`
	Outputs   map[string]struct {
		Expression any      `json:"expression"`
		DependsOn  []string `json:"depends_on"`
	} `json:"outputs"`
}

type tfCall struct {
	Module      tfModule       `json:"module"`
	Expressions map[string]any `json:"expressions"`
	Count       any            `json:"count_expression"`
	ForEach     any            `json:"for_each_expression"`
	DependsOn   []string       `json:"depends_on"`
}

type tfResource struct {
	Mode        string         `json:"mode"`
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Expressions map[string]any `json:"expressions"`
	Count       any            `json:"count_expression"`
	ForEach     any            `json:"for_each_expression"`
	DependsOn   []string       `json:"depends_on"`
}

// name returns type and name, as references write them.
func (r tfResource) name() string {
	name := r.Type + "." + r.Name
	if r.Mode == "data" {
		name = "data." + name
	}
	return name
}

// each calls f with each resource and the address of its module.
func (m tfModule) each(module string, f func(module string, r tfResource)) {
	for _, r := range m.Resources {
		f(module, r)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
		m.Calls[name].Module.each(under(module, "module."+name), f)
	}
}

// find returns the module with an address, without keys.
func (m tfModule) find(module string) tfModule {
	parts := strings.Split(module, ".")
	for i := 0; i+1 < len(parts); i += 2 {
		m = m.Calls[parts[i+1]].Module
	}
	return m
}

// resource returns the configuration of a resource in the module.
func (m tfModule) resource(name string) (tfResource, bool) {
	i := slices.IndexFunc(m.Resources, func(r tfResource) bool { return r.name() == name })
	if i < 0 {
		return tfResource{}, false
	}
	return m.Resources[i], true
}

// parent returns the module around a module, and the name of its call.
func parent(module string) (outer, name string) {
	i := strings.LastIndex(module, "module.")
	return strings.TrimSuffix(module[:i], "."), unkeyed(module[i+len("module."):])
}

// references returns the references anywhere in an expression. Terraform writes each several times,
// from the longest to the resource alone; only the longest of each is returned.
func references(expression any) (all []string) {
	switch e := expression.(type) {
	case map[string]any:
		if list, is := e["references"].([]any); is {
			for _, one := range list {
				if text, is := one.(string); is && (len(all) == 0 || !strings.HasPrefix(all[len(all)-1], text+".") && !strings.HasPrefix(all[len(all)-1], text+"[") && !slices.Contains(all, text)) {
					all = append(all, text)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(e)) {
			if name != "references" && name != "constant_value" {
				all = append(all, references(e[name])...)
			}
		}
	case []any:
		for _, one := range e {
			all = append(all, references(one)...)
		}
	}
	return all
}

// depends returns the configured resources that a resource refers to, through variables and outputs.
func (r *tfReader) depends(module string, c tfResource) map[string]bool {
	found := map[string]bool{}
	seen := map[string]bool{}
	all := slices.Concat(references(any(c.Expressions)), references(c.Count), references(c.ForEach), c.DependsOn)
	r.follow(module, all, found, seen)
	for inner := module; inner != ""; { // and what the modules around it wait for
		outer, name := parent(inner)
		m := r.config.find(outer)
		call := m.Calls[name]
		r.follow(outer, slices.Concat(call.DependsOn, references(call.Count), references(call.ForEach)), found, seen)
		inner = outer
	}
	delete(found, under(module, c.name()))
	return found
}

// follow adds the resources that references in a module lead to.
func (r *tfReader) follow(module string, refs []string, found, seen map[string]bool) {
	m := r.config.find(module)
	for _, ref := range refs {
		if seen[module+" "+ref] {
			continue
		}
		seen[module+" "+ref] = true
		parts := strings.Split(unkeyed(ref), ".")
		switch {
		case parts[0] == "var" && len(parts) > 1 && module != "":
			outer, name := parent(module)
			around := r.config.find(outer)
			r.follow(outer, references(around.Calls[name].Expressions[parts[1]]), found, seen)
		case parts[0] == "module" && len(parts) > 2:
			output := m.Calls[parts[1]].Module.Outputs[parts[2]]
			r.follow(under(module, "module."+parts[1]), append(references(output.Expression), output.DependsOn...), found, seen)
		case parts[0] == "module" && len(parts) == 2: // all of it
			inner := under(module, "module."+parts[1])
			m.Calls[parts[1]].Module.each(inner, func(at string, c tfResource) { found[under(at, c.name())] = true })
		case parts[0] == "data" && len(parts) > 2:
			found[under(module, strings.Join(parts[:3], "."))] = true
		case len(parts) > 1:
			if name := strings.Join(parts[:2], "."); m.has(name) {
				found[under(module, name)] = true
			}
		}
	}
}

func (m tfModule) has(name string) bool {
	_, found := m.resource(name)
	return found
}

// A trace is what following references found: resources, or where it ended.
type trace struct {
	found []*resource
	dead  []string // references that lead nowhere, such as locals
}

// reference resolves an unknown attribute by the configuration, then by the dependencies in the state.
func (r *tfReader) reference(res *resource, attribute string) reference {
	at, _ := res.scope.(scope)
	m := r.config.find(unkeyed(at.module))
	c, known := m.resource(at.name)
	if !known {
		return reference{reason: say.F("the file has no configuration of it")}
	}
	expression, written := lookUp(c.Expressions, attribute)
	switch {
	case !written && isRule(res.kind): // the provider fills it in: it has no effect
		return reference{}
	case !written:
		return reference{reason: say.F("its configuration does not give it")}
	}
	wanted := kindsOf(attribute)
	if wanted == nil {
		return reference{reason: say.F("it is computed")}
	}
	var t trace
	for _, ref := range references(expression) {
		r.trace(res, at.module, ref, wanted, &t, 0)
	}
	list := strings.HasSuffix(attribute, "s")
	switch {
	case len(t.found) > 0 && len(t.dead) == 0 && (len(t.found) == 1 || list):
		return r.resolved(res, attribute, t.found, say.Sentence{})
	case len(t.found) > 0 && len(t.dead) > 0:
		return reference{reason: say.F("part of it comes from %s, whose value is not in the file", strings.Join(t.dead, ", ")), candidates: addresses(t.found)}
	case len(t.found) > 0:
		return reference{reason: say.F("it is one of several"), candidates: addresses(t.found)}
	}
	return r.fallback(res, at, attribute, wanted, t)
}

// resolved returns the ids of resources. What a list held before may still be in it, and Terraform does
// not show it: an id that was written beside the references, or all of it behind a local.
func (r *tfReader) resolved(res *resource, attribute string, found []*resource, how say.Sentence) reference {
	ref := reference{how: how, from: found}
	for _, to := range found {
		ref.ids = append(ref.ids, r.id(to))
	}
	was, _ := res.before.texts(attribute)
	for _, id := range was {
		of := func(o *resource) bool { return o.before.text("id") == id }
		if slices.Contains(ref.ids, id) || slices.ContainsFunc(found, of) || how.Empty() && slices.ContainsFunc(r.resources, of) || !strings.HasSuffix(attribute, "s") {
			continue
		}
		ref.reason = say.F("the plan does not show whether %s stays", id)
		ref.candidates = append(addresses(found), id)
	}
	return ref
}

func addresses(found []*resource) (list []string) {
	for _, r := range found {
		list = append(list, r.address)
	}
	return list
}

// lookUp returns the expression of an attribute, such as vpc_config.security_group_ids.
func lookUp(expressions map[string]any, attribute string) (any, bool) {
	name, rest, nested := strings.Cut(attribute, ".")
	expression, found := expressions[name]
	if !found || !nested {
		return expression, found
	}
	if list, is := expression.([]any); is && len(list) > 0 {
		expression = list[0]
	}
	inner, is := expression.(map[string]any)
	if !is {
		return nil, false
	}
	if _, whole := inner["references"]; whole {
		return expression, true
	}
	return lookUp(inner, rest)
}

// kindsOf returns the types whose id an attribute takes, or nil if it takes no id.
func kindsOf(attribute string) []string {
	name := attribute[strings.LastIndexByte(attribute, '.')+1:]
	switch {
	case strings.Contains(name, "security_group"):
		return []string{"aws_security_group", "aws_default_security_group"}
	case strings.Contains(name, "prefix_list"):
		return []string{"aws_ec2_managed_prefix_list"}
	case name == "network_acl_id":
		return []string{"aws_network_acl", "aws_default_network_acl"}
	case name == "network_interface_id":
		return []string{"aws_network_interface", "aws_instance"}
	case strings.HasPrefix(name, "subnet_id"):
		return []string{"aws_subnet"}
	case strings.HasSuffix(name, "_rule_ids"):
		return []string{"aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"}
	}
	return nil
}

// trace follows a reference of a module instance to resources of the wanted types.
func (r *tfReader) trace(res *resource, module, ref string, wanted []string, t *trace, depth int) {
	const deepest = 50 // modules
	if depth > deepest {
		t.dead = append(t.dead, ref)
		return
	}
	config := unkeyed(module)
	m := r.config.find(config)
	parts := splitReference(ref)
	first, _ := keyOf(parts[0])
	switch {
	case first == "var" && len(parts) > 1 && module != "":
		outer, call := parent(module)
		at := strings.LastIndex(module, "module.")
		around := r.config.find(unkeyed(outer))
		name, _ := keyOf(parts[1])
		for _, next := range references(around.Calls[call].Expressions[name]) {
			r.trace(res, strings.TrimSuffix(module[:at], "."), next, wanted, t, depth+1)
		}
	case first == "module" && len(parts) > 2:
		name, _ := keyOf(parts[1])
		output, _ := keyOf(parts[2])
		for _, next := range references(m.Calls[name].Module.Outputs[output].Expression) {
			r.trace(res, under(module, "module."+parts[1]), next, wanted, t, depth+1)
		}
	case first == "each" || first == "count":
		c, _ := m.resource(res.scope.(scope).name)
		if res.scope.(scope).module != module || first == "count" {
			return
		}
		for _, next := range references(c.ForEach) {
			r.trace(res, module, next, wanted, t, depth+1)
		}
	case len(parts) > 1 && slices.Contains(wanted, first):
		r.instances(res, module, parts, t)
	case first == "path", first == "terraform", first == "self":
	default:
		t.dead = append(t.dead, ref)
	}
}

// splitReference splits a reference at its dots, except those in keys.
func splitReference(ref string) (parts []string) {
	start, inKey := 0, false
	for i, c := range ref {
		switch {
		case c == '[':
			inKey = true
		case c == ']':
			inKey = false
		case c == '.' && !inKey:
			parts = append(parts, ref[start:i])
			start = i + 1
		}
	}
	return append(parts, ref[start:])
}

// keyOf splits a part of a reference into its name and its key, such as "web" and "[0]".
func keyOf(part string) (name, key string) {
	if i := strings.IndexByte(part, '['); i >= 0 {
		return part[:i], part[i:]
	}
	return part, ""
}

// instances adds the instances of a resource that a reference means. One without a key means the
// instance with the same key, if both have any, or the only one.
func (r *tfReader) instances(res *resource, module string, parts []string, t *trace) {
	name, key := keyOf(parts[1])
	if len(parts) > 2 && parts[2] != "id" && parts[2] != "security_group_id" && parts[2] != "primary_network_interface_id" {
		t.dead = append(t.dead, strings.Join(parts, "."))
		return
	}
	at := res.scope.(scope)
	var all, exact []*resource
	for _, to := range r.byConfig[under(unkeyed(module), parts[0]+"."+name)] {
		of := to.scope.(scope)
		if !matches(module, of.module) || to.after == nil && len(to.actions) > 0 {
			continue
		}
		all = append(all, to)
		if key != "" && strings.HasSuffix(to.address, key) || key == "" && of.index != nil && at.index != nil && fmt.Sprint(of.index) == fmt.Sprint(at.index) {
			exact = append(exact, to)
		}
	}
	if len(exact) > 0 {
		all = exact
	}
	for _, to := range all {
		if !slices.Contains(t.found, to) {
			t.found = append(t.found, to)
		}
	}
}

// matches reports whether a module instance is one that an address means: a part without a key means
// every instance.
func matches(address, instance string) bool {
	parts, of := splitReference(address), splitReference(instance)
	return slices.EqualFunc(parts, of, func(a, b string) bool {
		name, key := keyOf(a)
		other, otherKey := keyOf(b)
		return name == other && (key == "" || key == otherKey)
	})
}

// fallback resolves what references do not: locals and functions are not in the file.
func (r *tfReader) fallback(res *resource, at scope, attribute string, wanted []string, t trace) reference {
	var found []*resource // only an id that is unknown makes an attribute unknown
	for _, address := range at.depends {
		for _, to := range r.byConfig[address] {
			if slices.Contains(wanted, to.kind) && to.anew(after) && !otherInstance(at, to.scope.(scope)) {
				found = append(found, to)
			}
		}
	}
	if len(found) == 1 {
		return r.resolved(res, attribute, found, say.F("the only such resource that its state depends on"))
	}
	var near []*resource
	for _, to := range r.resources {
		if slices.Contains(wanted, to.kind) && to.scope.(scope).module == at.module && to.anew(after) {
			near = append(near, to)
		}
	}
	if len(near) == 1 && attribute == "security_group_id" && len(found) == 0 {
		return r.resolved(res, attribute, near, say.F("the only group without an id in its module"))
	}
	candidates := addresses(append(found, near...))
	slices.Sort(candidates)
	candidates = slices.Compact(candidates)
	if len(t.dead) > 0 {
		return reference{reason: say.F("it comes from %s, whose value is not in the file", strings.Join(t.dead, ", ")), candidates: candidates}
	}
	return reference{reason: say.F("it is computed"), candidates: candidates}
}

// configured returns the rules of a group as they are configured, if its values do not show them: one
// unknown id hides the whole list.
func (r *tfReader) configured(res *resource, attribute string) (blocks []values, known bool) {
	at, _ := res.scope.(scope)
	m := r.config.find(unkeyed(at.module))
	c, found := m.resource(at.name)
	if !found {
		return nil, false
	}
	expression, written := c.Expressions[attribute]
	switch {
	case !written && res.anew(after):
		return nil, true
	case !written: // then it is what it was
		return res.before.blocks(attribute), true
	}
	if constant, is := expression.(map[string]any); is {
		if value, is := constant["constant_value"]; is {
			return values{attribute: value}.blocks(attribute), true
		}
	}
	list, is := expression.([]any)
	if !is {
		return nil, false
	}
	for i := range list {
		inner, is := list[i].(map[string]any)
		if !is {
			return nil, false
		}
		block := values{}
		for name, e := range inner {
			e, is := e.(map[string]any)
			if !is {
				return nil, false
			}
			if value, constant := e["constant_value"]; constant {
				block[name] = value
				continue
			}
			wanted := kindsOf(name)
			var t trace
			for _, ref := range references(any(e)) {
				r.trace(res, at.module, ref, wanted, &t, 0)
			}
			if wanted == nil || len(t.dead) > 0 || len(t.found) == 0 {
				return nil, false
			}
			ids := []any{}
			r.need(res, t.found...)
			for _, to := range t.found {
				ids = append(ids, r.id(to))
			}
			block[name] = ids
		}
		blocks = append(blocks, block)
	}
	return blocks, true
}
