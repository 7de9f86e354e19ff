package plan

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lablab/say"
)

// A tfPlan is what `terraform show -json` and `tofu show -json` print, of a plan or of a state
// (jsonplan and jsonstate in Terraform's source).
type tfPlan struct {
	FormatVersion    string        `json:"format_version"`
	TerraformVersion string        `json:"terraform_version"`
	ResourceChanges  []tfChange    `json:"resource_changes"`
	Deferred         []any         `json:"deferred_changes"`
	Errored          bool          `json:"errored"`
	PriorState       *tfState      `json:"prior_state"`
	Values           *tfStateTree  `json:"values"`
	Configuration    configuration `json:"configuration"`
}

type configuration struct {
	Root tfModule `json:"root_module"`
}

type tfChange struct {
	Address  string `json:"address"`
	Module   string `json:"module_address"`
	Mode     string `json:"mode"`
	Type     string `json:"type"`
	Name     string `json:"name"`
	Index    any    `json:"index"`
	Deposed  string `json:"deposed"`
	Provider string `json:"provider_name"`
	Change   struct {
		Actions      []string `json:"actions"`
		Before       any      `json:"before"`
		After        any      `json:"after"`
		AfterUnknown any      `json:"after_unknown"`
	} `json:"change"`
}

type tfState struct {
	Values tfStateTree `json:"values"`
}

type tfStateTree struct {
	Root tfStateModule `json:"root_module"`
}

type tfStateModule struct {
	Address   string            `json:"address"`
	Resources []tfStateResource `json:"resources"`
	Children  []tfStateModule   `json:"child_modules"`
}

type tfStateResource struct {
	Address   string         `json:"address"`
	Mode      string         `json:"mode"`
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	Index     any            `json:"index"`
	Provider  string         `json:"provider_name"`
	Values    map[string]any `json:"values"`
	DependsOn []string       `json:"depends_on"`
	module    string
}

// all returns the resources of a module and of those below it.
func (m tfStateModule) all() (list []tfStateResource) {
	for _, r := range m.Resources {
		r.module = m.Address
		list = append(list, r)
	}
	for _, child := range m.Children {
		list = append(list, child.all()...)
	}
	return list
}

// A scope is where a resource stands in Terraform's configuration.
type scope struct {
	module string // the module instance, such as module.web[0]; empty for the root
	name   string // type and name, such as aws_security_group.web, without index
	index  any    // from count or for_each
	// depends are the resources that its state depends on, as Terraform stored them.
	depends []string
	cbd     bool // its destroyer comes after its creator
	deposed bool
}

// config returns the address of the resource's configuration: without any index.
func (s scope) config() string { return under(unkeyed(s.module), s.name) }

func under(module, name string) string {
	if module == "" {
		return name
	}
	return module + "." + name
}

var key = regexp.MustCompile(`\[(?:"(?:[^"\\]|\\.)*"|\d+)\]`)

// unkeyed returns an address without the keys of count and for_each.
func unkeyed(address string) string { return key.ReplaceAllString(address, "") }

// A tfReader turns a plan into resources and their order.
type tfReader struct {
	*builder
	config    tfModule
	byConfig  map[string][]*resource
	dependent map[string]map[string]bool // what the configuration of a resource refers to, by address
}

func (s source) terraform(o Options) (*Plan, error) {
	var from tfPlan
	if err := s.decode(s.text, 0, &from); err != nil {
		return nil, err
	}
	major, _, _ := strings.Cut(from.FormatVersion, ".")
	if n, err := strconv.Atoi(major); err != nil || n > 1 {
		return nil, s.invalid(0, say.F("write it with a version of Terraform or OpenTofu that has format 1"), "the plan has format %q; lablab reads 0.1 to 1.x", from.FormatVersion)
	}
	p := &Plan{File: s.file, Kind: TerraformPlan, Tool: from.tool(), failure: skipsAfter}
	r := &tfReader{builder: newBuilder(p, o, provider()), config: from.Configuration.Root, byConfig: map[string][]*resource{}, dependent: map[string]map[string]bool{}}
	r.refer, r.inline = r.reference, r.configured
	if from.Errored {
		p.Notes = append(p.Notes, say.F("planning ended with an error, so the plan may be incomplete"))
	}
	if n := len(from.Deferred); n > 0 {
		p.Notes = append(p.Notes, say.N(n, "%d change is deferred to another plan and not read", "%d changes are deferred to another plan and not read"))
	}
	if from.Values != nil && len(from.ResourceChanges) == 0 {
		p.Kind = TerraformState
	}
	r.take(from)
	if err := r.build(); err != nil {
		return nil, err
	}
	r.connect()
	p.settle(&r.graph)
	return p, nil
}

// tool returns the tool's name and version, as far as the file says.
func (p tfPlan) tool() string {
	name := "Terraform"
	for _, c := range p.ResourceChanges {
		if strings.HasPrefix(c.Provider, "registry.opentofu.org/") {
			name = "OpenTofu"
		}
	}
	return strings.TrimSpace(name + " " + p.TerraformVersion)
}

// take adds the resources.
func (r *tfReader) take(from tfPlan) {
	var stored []tfStateResource
	if from.PriorState != nil {
		stored = from.PriorState.Values.Root.all()
	}
	if from.Values != nil {
		stored = append(stored, from.Values.Root.all()...)
	}
	depends := map[string][]string{}
	for _, s := range stored {
		depends[s.Address] = append([]string{}, s.DependsOn...) // not nil, since the state knows its dependencies
	}
	changed := map[string]bool{}
	for _, c := range from.ResourceChanges {
		changed[c.Address] = true
		at := scope{module: c.Module, name: c.Type + "." + c.Name, index: c.Index, depends: depends[c.Address], deposed: c.Deposed != ""}
		if c.Mode == "data" {
			at.name = "data." + at.name
		}
		res := &resource{address: c.Address, kind: c.Type, before: object(c.Change.Before), after: object(withUnknown(c.Change.After, c.Change.AfterUnknown))}
		if at.deposed {
			res.address += " (deposed " + c.Deposed + ")"
		}
		res.actions, at.cbd = tfActions(c.Change.Actions)
		at.cbd = at.cbd || at.deposed
		if slices.Contains(c.Change.Actions, "forget") {
			res.after = nil
		}
		if c.Mode == "data" {
			res.kind, res.actions, res.before, res.after = "data."+c.Type, nil, nil, nil
		}
		res.scope = at
		r.addScoped(res, at)
	}
	for _, s := range stored {
		if changed[s.Address] {
			continue
		}
		at := scope{module: s.module, name: s.Type + "." + s.Name, index: s.Index, depends: s.DependsOn}
		res := &resource{address: s.Address, kind: s.Type, before: s.Values, after: s.Values}
		if s.Mode == "data" {
			at.name, res.kind, res.before, res.after = "data."+at.name, "data."+s.Type, nil, nil
		}
		res.scope = at
		r.addScoped(res, at)
	}
}

func (r *tfReader) addScoped(res *resource, at scope) {
	r.add(res)
	if !at.deposed {
		r.byConfig[at.config()] = append(r.byConfig[at.config()], res)
	}
}

func object(value any) values {
	object, _ := value.(map[string]any)
	return object
}

// tfActions returns Terraform's actions in their order, and whether it creates before it destroys.
func tfActions(names []string) (actions []action, cbd bool) {
	for _, name := range names {
		if a := action(name); a == creates || a == updates || a == deletes {
			actions = append(actions, a)
		}
	}
	return actions, slices.Equal(actions, []action{creates, deletes})
}

// connect orders the nodes as Terraform's core does (transform_destroy_edge.go and
// transform_destroy_cbd.go, which OpenTofu has too).
func (r *tfReader) connect() {
	through := map[string]int{} // the nodes of configured resources that have no change, such as data
	node := func(address string) (nodes []int) {
		for _, res := range r.byConfig[address] {
			if n, found := res.creator(); found {
				nodes = append(nodes, n)
			}
		}
		if n, found := through[address]; found {
			nodes = append(nodes, n)
		}
		return nodes
	}
	r.config.each("", func(module string, c tfResource) {
		address := under(module, c.name())
		r.dependent[address] = r.depends(module, c)
		if len(r.byConfig[address]) == 0 {
			through[address] = r.graph.add(nodeOf(address))
		}
	})
	for address, n := range through {
		for to := range r.dependent[address] {
			for _, m := range node(to) {
				r.graph.connect(n, m)
			}
		}
	}
	for _, res := range r.resources {
		r.connectResource(res, node)
	}
	for _, earlier := range r.graph.after {
		slices.Sort(earlier)
	}
}

func nodeOf(address string) node { return node{resource: address} }

// creator returns the node that creates, updates or keeps a resource.
func (r *resource) creator() (int, bool) {
	for _, on := range []action{creates, updates, keeps} {
		if n, found := r.nodes[on]; found {
			return n, true
		}
	}
	return 0, false
}

func (r *tfReader) connectResource(res *resource, nodes func(string) []int) {
	at := res.scope.(scope)
	create, created := res.creator()
	destroy, destroyed := res.nodes[deletes]
	if created { // it waits for what it refers to
		for to := range r.dependent[at.config()] {
			for _, n := range nodes(to) {
				if other := r.byNode(to, n); other == nil || !otherInstance(at, other.scope.(scope)) {
					r.graph.connect(create, n)
				}
			}
		}
		for _, to := range r.needs[res] { // also through locals, which the configuration does not have
			if n, found := to.creator(); found {
				r.graph.connect(create, n)
			}
		}
	}
	if created && destroyed { // a replacement
		if at.cbd {
			r.graph.connect(destroy, create)
		} else {
			r.graph.connect(create, destroy)
		}
	}
	if at.deposed { // what replaced it comes first
		for _, to := range r.byConfig[at.config()] {
			if begin, begins := to.creator(); begins && len(to.actions) > 0 {
				r.graph.connect(destroy, begin)
			}
		}
	}
	depends := at.depends
	if depends == nil && res.before != nil { // the file has no state
		for to := range r.dependent[at.config()] {
			depends = append(depends, to)
		}
		slices.Sort(depends)
	}
	for _, address := range depends {
		for _, to := range r.byConfig[address] {
			of := to.scope.(scope)
			if otherInstance(at, of) || to == res {
				continue
			}
			if end, ends := to.nodes[deletes]; ends {
				if created && len(res.actions) > 0 { // unless what it depends on is created first, it waits for its end
					if of.cbd {
						r.graph.connect(end, create)
					} else {
						r.graph.connect(create, end)
					}
				}
				if destroyed { // what it depends on ends later
					r.graph.connect(end, destroy)
				}
			}
			if begin, begins := to.creator(); begins && destroyed && len(to.actions) > 0 {
				if at.cbd {
					r.graph.connect(destroy, begin)
				} else {
					r.graph.connect(begin, destroy)
				}
			}
		}
	}
}

// byNode returns the resource of a configuration whose creator is that node, or nil.
func (r *tfReader) byNode(address string, n int) *resource {
	for _, res := range r.byConfig[address] {
		if of, found := res.creator(); found && of == n {
			return res
		}
	}
	return nil
}

// otherInstance reports whether two resources are in different instances of one module: between them
// Terraform has no order.
func otherInstance(a, b scope) bool {
	return a.module != b.module && unkeyed(a.module) == unkeyed(b.module)
}
