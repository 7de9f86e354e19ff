package plan

import (
	"slices"

	"lablab/say"
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

// note records why a resource cannot be understood.
func (r *resource) note(err error) {
	if err != nil && r.strange.Empty() {
		r.strange = say.F("%s", err)
	}
}
