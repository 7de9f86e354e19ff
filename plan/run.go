package plan

import (
	"errors"
	"slices"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// circular is noted if the file contradicts itself about the order.
var circular = say.F("the file's dependencies form a circle, so part of the order was ignored")

// A failure is what a tool does after a call that failed.
type failure int

const (
	goesOn     failure = iota // makes the others
	skipsAfter                // makes those that do not depend on it
	stops                     // makes no more
)

// An Outcome is what became of a call.
type Outcome struct {
	Call   int // its number
	Result Result
	// Err is why it failed, or why its effect is unknown: an [sg.Error] if EC2 rejects it.
	Err error
	// Account is the account after it.
	Account *sg.Account
}

// A Result is how a call ended.
type Result string

// The results.
const (
	Done    Result = "done"
	Failed  Result = "failed"
	Skipped Result = "skipped" // the tool does not make it, since another one failed
	Doubted Result = "unknown" // a value is not known
)

// Run simulates the calls in the likely order, or in the order of these numbers.
func (p *Plan) Run(numbers ...int) []Outcome {
	if len(numbers) == 0 {
		for _, c := range p.Calls {
			numbers = append(numbers, c.Number)
		}
	}
	s := p.start
	var failed []Call
	outcomes := make([]Outcome, 0, len(numbers))
	for _, n := range numbers {
		c := p.Calls[n-1]
		o := Outcome{Call: n, Result: Done}
		to := s.clone()
		switch err := c.simulate(to); {
		case p.skips(c, failed):
			o.Result = Skipped
		case len(c.Unresolved) > 0:
			o.Result, o.Err = Doubted, errUnresolved(c.Unresolved[0])
		case err != nil && slices.Contains(c.tolerated, code(err)):
		case err != nil:
			o.Result, o.Err = Failed, err
			failed = append(failed, c)
		default:
			s = to
		}
		o.Account = s.account
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// simulate makes the call, unless it was recorded as failed.
func (c Call) simulate(s *state) error {
	switch {
	case c.failed != "":
		return &sg.Error{Code: c.failed, Message: "recorded"}
	case len(c.Unresolved) > 0:
		return nil
	}
	return c.operation.apply(s)
}

// code returns EC2's code of an error, or "".
func code(err error) string {
	var of *sg.Error
	if errors.As(err, &of) {
		return of.Code
	}
	return ""
}

// skips reports whether the tool does not make a call, since others failed.
func (p *Plan) skips(c Call, failed []Call) bool {
	switch p.failure {
	case stops:
		return len(failed) > 0
	case skipsAfter:
		return slices.ContainsFunc(failed, func(f Call) bool { return p.Precedes(f.Number, c.Number) })
	}
	return false
}

// A Loss is a rule that a resource has according to the file, and that the account does not have at
// the end.
type Loss struct {
	Resource string
	Rule     sg.GroupRule
}

// Lost returns the rules that a run leaves missing.
func (p *Plan) Lost(run []Outcome) (lost []Loss) {
	account := p.start.account
	if len(run) > 0 {
		account = run[len(run)-1].Account
	}
	there := map[sg.GroupRule]bool{}
	for _, g := range account.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				there[content(sg.GroupRule{Group: g.ID, Direction: d, Rule: r})] = true
			}
		}
	}
	for _, promised := range p.promises {
		if !there[content(promised.rule)] {
			lost = append(lost, Loss{promised.resource, promised.rule})
		}
	}
	return lost
}

// content returns a rule with what tells it from others for EC2 only.
func content(r sg.GroupRule) sg.GroupRule {
	r.ID, r.Description = "", ""
	r.Reference = sg.Reference{GroupID: r.Reference.GroupID, GroupName: r.Reference.GroupName}
	if r.Reference.GroupID != "" {
		r.Reference.GroupName = ""
	}
	return r
}
