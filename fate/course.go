package fate

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"lablab/enforce"
	"lablab/packet"
	"lablab/plan"
	"lablab/sg"
)

// A course of a change is one order of its calls, with what each host enforces after each of them.
type course struct {
	// first comes before second, unlike in the likely order; 0 in that.
	first, second int
	calls         []plan.Outcome
	hosts         map[string][]version    // by their ids; the first is that before all calls
	rules         map[uint32]sg.GroupRule // by their numbers
}

// A version is what a host enforces from one moment on.
type version struct {
	after  int // how many calls were made by then
	model  enforce.Model
	policy enforce.Policy
	acl    *sg.ACL
	rules  *sg.Index
	// partial is whether not all of its rules are known; doubted, whether a call with an unknown value may
	// have changed them.
	partial, doubted bool
}

// newCourse makes the calls of a plan, in the likely order or with one pair of calls the other way.
func newCourse(p *plan.Plan, pair [2]int, o Options) *course {
	c := &course{first: pair[0], second: pair[1], hosts: map[string][]version{}}
	var order []int
	if c.first != 0 {
		order = p.With(c.first, c.second)
	}
	c.calls = p.Run(order...)
	account := with(p.Before, o.Hosts)
	numbers := newNumbers(account)
	c.rules = numbers.rules
	for _, i := range account.Interfaces {
		c.hosts[i.ID] = []version{o.version(p, 0, account, i, numbers)}
	}
	previous := p.Before
	for k, made := range c.calls {
		doubted := made.Result == plan.Doubted
		if made.Account == previous && !doubted {
			continue
		}
		before := account
		previous, account = made.Account, with(made.Account, o.Hosts)
		numbers.move(before, account)
		moved := movedGroups(before, account)
		for _, i := range account.Interfaces {
			was, there := before.Interface(i.ID)
			unknown := doubted && concerns(p.Calls[made.Call-1], i)
			if there && !unknown && slices.Equal(was.Groups, i.Groups) && sameACL(was.ACL, i.ACL) && !moved.touch(account, i) {
				continue
			}
			v := o.version(p, k+1, account, i, numbers)
			v.doubted = unknown
			c.hosts[i.ID] = append(c.hosts[i.ID], v)
		}
	}
	return c
}

// end returns the interfaces after the last call.
func (c *course) end(p *plan.Plan) []sg.Interface {
	if len(c.calls) == 0 {
		return p.Before.Interfaces
	}
	return c.calls[len(c.calls)-1].Account.Interfaces
}

// with returns the account with more interfaces.
func with(a *sg.Account, hosts []sg.Interface) *sg.Account {
	if len(hosts) == 0 {
		return a
	}
	more := *a
	more.Interfaces = slices.Concat(a.Interfaces, hosts)
	return &more
}

// version returns what a host enforces after some calls.
func (o Options) version(p *plan.Plan, after int, a *sg.Account, i sg.Interface, n *numbers) version {
	groups := a.GroupsByID(i.Groups)
	current := maps.Clone(n.current)
	if o.cuts[i.ID] == nil {
		o.cuts[i.ID] = newCuts()
	}
	o.cuts[i.ID].add(a, groups, i.ACL)
	model := o.Model
	if own := o.Models[i.ID]; own != nil {
		model = own
	}
	h := enforce.Host{Account: a, Groups: groups, Model: model, ACL: i.ACL, Number: func(g *sg.Group, r sg.Rule) uint32 {
		d := packet.Egress
		if slices.Contains(g.Ingress, r) {
			d = packet.Ingress
		}
		return current[ruleKey{g.Key(), d, content(r)}]
	}}
	partial := slices.ContainsFunc(i.Groups, func(id string) bool { return slices.Contains(p.Partial, id) || a.Group(id) == nil })
	return version{after: after, model: model, policy: h.Policy(), acl: i.ACL, rules: a.Index(groups), partial: partial}
}

// concerns reports whether a call changes what a host enforces.
func concerns(c plan.Call, i sg.Interface) bool {
	return c.Target() == i.ID || slices.Contains(i.Groups, c.Group())
}

func sameACL(a, b *sg.ACL) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Ingress, b.Ingress) && slices.Equal(a.Egress, b.Egress)
}

// A moved has the groups whose rules, members or prefix lists have changed.
type moved struct{ rules, members, lists map[string]bool }

func movedGroups(from, to *sg.Account) moved {
	m := moved{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	was := map[string]*sg.Group{}
	for _, g := range from.Groups {
		was[g.ID] = g
	}
	for _, g := range to.Groups {
		if was[g.ID] != g {
			m.rules[g.ID] = true
		}
		delete(was, g.ID)
	}
	for id := range was {
		m.rules[id] = true
	}
	attached := map[string][]string{}
	for _, i := range from.Interfaces {
		attached[i.ID] = i.Groups
	}
	for _, i := range to.Interfaces {
		if before := attached[i.ID]; !slices.Equal(before, i.Groups) {
			for _, id := range slices.Concat(before, i.Groups) {
				m.members[id] = true
			}
		}
	}
	lists := map[string][]netip.Prefix{}
	for _, l := range from.PrefixLists {
		lists[l.ID] = l.Entries
	}
	for _, l := range to.PrefixLists {
		if !slices.Equal(lists[l.ID], l.Entries) {
			m.lists[l.ID] = true
		}
	}
	return m
}

// touch reports whether a host enforces something else than before.
func (m moved) touch(a *sg.Account, i sg.Interface) bool {
	for _, id := range i.Groups {
		if m.rules[id] {
			return true
		}
		g := a.Group(id)
		if g == nil || len(m.members) == 0 && len(m.lists) == 0 {
			continue
		}
		for _, d := range directions {
			if slices.ContainsFunc(g.Rules(d), func(r sg.Rule) bool { return m.members[r.Reference.GroupID] || m.lists[r.PrefixList] }) {
				return true
			}
		}
	}
	return false
}

// numbers gives each rule a number that it keeps while it is there.
type numbers struct {
	current map[ruleKey]uint32
	rules   map[uint32]sg.GroupRule
	last    uint32
}

type ruleKey struct {
	group     string
	direction packet.Direction
	rule      sg.Rule
}

// content returns a rule without what has no effect.
func content(r sg.Rule) sg.Rule {
	r.ID, r.Description = "", ""
	return r
}

func newNumbers(a *sg.Account) *numbers {
	n := &numbers{current: map[ruleKey]uint32{}, rules: map[uint32]sg.GroupRule{}}
	for _, g := range a.Groups {
		n.add(g)
	}
	return n
}

func (n *numbers) add(g *sg.Group) {
	for _, d := range directions {
		for _, r := range g.Rules(d) {
			key := ruleKey{g.Key(), d, content(r)}
			if n.current[key] == 0 {
				n.last++
				n.current[key] = n.last
				n.rules[n.last] = sg.GroupRule{Group: g.Key(), Direction: d, Rule: r}
			}
		}
	}
}

// move forgets the rules that are gone, and numbers those that came.
func (n *numbers) move(from, to *sg.Account) {
	stays := map[*sg.Group]bool{}
	for _, g := range to.Groups {
		stays[g] = true
	}
	there := map[string]*sg.Group{}
	for _, g := range to.Groups {
		there[g.Key()] = g
	}
	for _, g := range from.Groups {
		if stays[g] {
			continue
		}
		now := there[g.Key()]
		for _, d := range directions {
			var left []sg.Rule
			if now != nil {
				left = now.Rules(d)
			}
			for _, r := range g.Rules(d) {
				if !slices.ContainsFunc(left, r.Same) {
					delete(n.current, ruleKey{g.Key(), d, content(r)})
				}
			}
		}
	}
	for _, g := range to.Groups {
		n.add(g)
	}
}

// signature returns what tells the courses of two hosts apart: the calls that change what they
// enforce, in order.
func (c *course) signature(hosts ...string) string {
	var moments []int
	var b strings.Builder
	for n, id := range hosts {
		for _, v := range c.hosts[id] {
			if v.after > 0 {
				moments = append(moments, v.after*len(hosts)+n)
			}
		}
	}
	slices.Sort(moments)
	for _, m := range moments {
		fmt.Fprintf(&b, "%d at %d ", c.calls[m/len(hosts)-1].Call, m%len(hosts))
	}
	return b.String()
}
