package plan

import (
	"slices"

	"lablab/say"
	"lablab/sg"
)

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
