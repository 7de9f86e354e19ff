// Package plan reads changes of security groups as the tools that make them describe them, and turns
// each into one form: the calls to EC2, with a partial order. It simulates the calls in any order that
// the tool might choose, with EC2's errors. Pure: no kernel, no network.
package plan

import (
	"lablab/say"
	"lablab/sg"
)

// A Plan is a change of an account: the calls that make it, and which of them come before which.
type Plan struct {
	File string
	Kind Kind
	// Tool is the tool that makes the change and its version, such as "OpenTofu 1.12.6".
	Tool string
	// Before is the account before the change, as far as it is known.
	Before *sg.Account
	// Partial lists the groups of which only the rules that the change names are known.
	Partial []string
	// Calls are in the likely order.
	Calls []Call
	// Resources accounts for every resource that was read.
	Resources []Resource
	Notes     []say.Sentence

	start    *state // of the simulation
	order    order
	failure  failure
	promises []promise
}

// A Kind is a kind of description of a change.
type Kind string

// The kinds that are read.
const (
	TerraformPlan  Kind = "terraform-plan"
	TerraformState Kind = "terraform-state"
	ChangeSet      Kind = "cloudformation-change-set"
	PulumiPreview  Kind = "pulumi-preview"
	Commands       Kind = "aws-cli"
	CloudTrail     Kind = "cloudtrail"
	CallLines      Kind = "calls"
	Snapshots      Kind = "snapshots"
	Changes        Kind = "changes"
)

// Options are what the file does not say.
type Options struct {
	// Account is what AWS says of the account before the change; nil if it is not known.
	Account *sg.Account
	// Bind gives values that the tool will know after the apply only: by ADDRESS.ATTRIBUTE, a group's
	// id or the address of a resource, or several with commas.
	Bind map[string]string
	// Quota is how many rules a group may have for each direction and version of IP; 0 if unknown.
	Quota int
}

// A Call is one request to AWS.
type Call struct {
	// Number is the call's place in the likely order, from 1.
	Number int
	// Name is the operation as AWS names it, such as AuthorizeSecurityGroupIngress.
	Name string
	// Resource is the address of the resource that the tool makes it for; empty for scripts.
	Resource string
	// Line is where the call is written, from 1; 0 if it is derived.
	Line int
	// After are the numbers of the calls that certainly precede it, without those that precede these.
	After []int
	// Unresolved are the values of the call that nothing in the file says; its effect is unknown.
	Unresolved []Unknown

	operation operation
	node      int
	// tolerated are the error codes that the tool ignores.
	tolerated []string
	// failed is the error code of a call that was recorded as failed.
	failed string
}

// Group returns the id of the group that the call changes, or "". A group that does not exist yet has
// the address of its resource instead.
func (c Call) Group() string { return c.operation.about().group }

// Target returns the id of the interface, load balancer or other resource whose groups the call
// changes, or of the prefix list or network ACL; or "".
func (c Call) Target() string { return c.operation.about().target }

// Said describes the call to people.
func (c Call) Said() say.Sentence { return c.operation.said() }

// An Unknown is a value that the file does not tell.
type Unknown struct {
	// Attribute is its name as Options.Bind takes it: ADDRESS.ATTRIBUTE.
	Attribute string
	Reason    say.Sentence
	// Candidates are the addresses of the resources it may come from, if they are known.
	Candidates []string
}

// A Resource is a resource that was read, and what became of it.
type Resource struct {
	Address string
	Type    string
	Use     Use
	Reason  say.Sentence
	// Resolved are the values that were concluded, as ATTRIBUTE and by which reasoning.
	Resolved []say.Sentence
	// Unresolved are the values that were not.
	Unresolved []Unknown
}

// A Use is what a resource contributes.
type Use string

// The uses. Every resource has exactly one of them.
const (
	Used          Use = "used"
	NoEffect      Use = "no-effect"
	Unresolved    Use = "unresolved"
	NotUnderstood Use = "not-understood"
)

// A promise is a rule that a resource has after the change according to the file.
type promise struct {
	resource string
	rule     sg.GroupRule
}
