package play

import (
	"maps"
	"slices"

	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// A Policy is what a session enforces: an account, whose interfaces are the hosts, and a number for
// each rule that is or was in force. It is not modified; [Policy.Apply] returns the next one.
type Policy struct {
	Account *sg.Account
	hosts   []string
	numbers map[ruleKey]uint32
	last    uint32 // the number of the last rule
}

// A ruleKey identifies a rule by its group and its id in that group.
type ruleKey struct{ group, id string }

// PolicyOf returns the policy with which a scenario begins.
func PolicyOf(sc *scenario.Scenario) Policy {
	p := Policy{Account: sc.Policy()}
	for _, h := range sc.Hosts {
		p.hosts = append(p.hosts, h.Name)
	}
	return p.number(sg.Diff(&sg.Account{}, &sg.Account{Groups: p.Account.Groups}))
}

// Apply returns the policy after changes, all of them or none, and what changed.
func (p Policy) Apply(changes ...sg.Change) (Policy, sg.Delta, error) {
	to, err := p.Account.Apply(changes...)
	if err != nil {
		return p, sg.Delta{}, err
	}
	delta := sg.Diff(p.Account, to)
	p.Account = to
	return p.number(delta), delta, nil
}

// Rejected returns the policy after one that could not be enforced. Its numbers are not given again:
// a packet may have met its rules.
func (p Policy) Rejected(failed Policy) Policy {
	p.last = failed.last
	return p
}

// number gives each rule that is authorized a number that no other has ever had, even if the rule was
// in force before.
func (p Policy) number(delta sg.Delta) Policy {
	p.numbers = maps.Clone(p.numbers)
	if p.numbers == nil {
		p.numbers = map[ruleKey]uint32{}
	}
	for _, r := range delta.Authorized {
		p.last++
		p.numbers[ruleKey{r.Group, r.ID}] = p.last
	}
	return p
}

// Number returns the number of a rule that is in force, or the last that it had.
func (p Policy) Number(group, rule string) uint32 { return p.numbers[ruleKey{group, rule}] }

// InForce reports whether a rule with that number is in force.
func (p Policy) InForce(r timeline.Rule) bool {
	return p.Number(r.Group, r.ID) == r.Number && !slices.ContainsFunc(p.Account.Revoked, func(was sg.GroupRule) bool {
		return was.Group == r.Group && was.ID == r.ID
	})
}

// Groups returns the groups of a host.
func (p Policy) Groups(host string) []*sg.Group {
	i, _ := p.Account.Interface(host)
	return p.Account.GroupsByID(i.Groups)
}

// Untracked returns the flows of a host that EC2 does not track.
func (p Policy) Untracked(h scenario.Host) []sg.Untracked {
	if h.AlwaysTracked || !h.Enforcement().Traits().Untracks {
		return nil
	}
	return sg.UntrackedBy(p.Groups(h.Name))
}

// A Recorder records in a timeline how a policy changes.
type Recorder struct {
	log       *timeline.Log
	announced map[string]bool // groups whose rules are in the timeline
	known     map[uint32]timeline.Rule
}

// NewRecorder returns a recorder that writes to log.
func NewRecorder(log *timeline.Log) *Recorder {
	return &Recorder{log: log, announced: map[string]bool{}, known: map[uint32]timeline.Rule{}}
}

// Begin records the rules with which a lab begins.
func (r *Recorder) Begin(p Policy) {
	r.Record(Policy{}, p, sg.Diff(&sg.Account{}, &sg.Account{Groups: p.Account.Groups}))
}

// Record records what changed from one policy to the next. Revoked rules have the numbers that they
// had.
func (r *Recorder) Record(from, to Policy, delta sg.Delta) {
	for _, c := range delta.Attached {
		r.log.Append(timeline.GroupsChanged{Host: c.Interface, Groups: c.Groups})
	}
	for _, c := range delta.ACLs {
		r.log.Append(timeline.ACLChanged{Host: c.Interface, ACL: c.ACL})
	}
	for _, c := range delta.PrefixLists {
		entries, _ := to.Account.Peers(sg.GroupRule{Rule: sg.Rule{PrefixList: c.PrefixList}})
		r.log.Append(timeline.PrefixListChanged{ModifyPrefixList: c, Entries: entries})
	}
	for _, g := range to.Account.Groups {
		r.group(g, from, to, delta)
	}
}

// group leaves out a group until a host has it.
func (r *Recorder) group(g *sg.Group, from, to Policy, delta sg.Delta) {
	var hosts []string
	fresh := delta.Authorized
	for _, h := range to.hosts {
		if slices.Contains(to.Groups(h), g) {
			hosts = append(hosts, h)
		}
	}
	if !r.announced[g.Key()] {
		if len(hosts) == 0 {
			return
		}
		r.announced[g.Key()] = true
		delta = sg.Diff(&sg.Account{}, &sg.Account{Groups: []*sg.Group{g}})
	}
	recorded := func(rule sg.GroupRule, of Policy) timeline.Rule {
		return timeline.Rule{Number: of.Number(rule.Group, rule.ID), Group: rule.Group, Direction: rule.Direction, Hosts: hosts, Rule: rule.Rule}
	}
	for _, rule := range delta.Revoked {
		if rule.Group == g.Key() {
			r.log.Append(timeline.RuleRevoked{Rule: recorded(rule, from)})
		}
	}
	for _, rule := range delta.Authorized {
		if rule.Group == g.Key() {
			known := recorded(rule, to)
			r.known[known.Number] = known
			r.log.Append(timeline.RuleAuthorized{Rule: known, Existing: !slices.Contains(fresh, rule)})
		}
	}
}

// Known returns the rule with that number, whether or not it is still in force.
func (r *Recorder) Known(number uint32) (timeline.Rule, bool) {
	rule, known := r.known[number]
	return rule, known
}
