package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

// models are tables that have little to do with security groups: what a change may meet.
func models() [][]ruleset.Table {
	type list = []ruleset.Statement
	addresses := func(of ...string) (ranges []ruleset.Range) {
		for _, p := range of {
			ranges = append(ranges, ruleset.RangeOf(netip.MustParsePrefix(p)))
		}
		return ruleset.Join(ranges...)
	}
	rule := func(comment string, statements ...ruleset.Statement) ruleset.Rule {
		return ruleset.Rule{Comment: comment, Statements: statements}
	}
	deny := rule("deny", ruleset.Address{Side: ruleset.Source, Set: "bad"}, ruleset.Counter{}, ruleset.Drop)
	live := rule("live", ruleset.InState(packet.Established), ruleset.CtMark{Set: "live"}, ruleset.Counter{}, ruleset.Accept)
	judge := rule("", ruleset.InState(packet.Established, packet.New), ruleset.Jump("judge"))
	ssh := rule("ssh", ruleset.Address{Side: ruleset.Source, Original: true, Range: addresses("10.0.0.0/8")[0]}, ruleset.Protocol(packet.TCP),
		ruleset.OriginalPorts{Side: ruleset.Destination, First: 22, Last: 22}, ruleset.SetCtMark{Set: 12}, ruleset.Accept)
	base := func(name string, hook ruleset.Hook, policy ruleset.Verdict, rules ...ruleset.Rule) ruleset.Chain {
		return ruleset.Chain{Name: name, Hook: hook, Policy: policy, Rules: rules}
	}
	aside := func(name string, rules ...ruleset.Rule) ruleset.Chain { return ruleset.Chain{Name: name, Rules: rules} }
	bad := func(of ...string) ruleset.Set {
		return ruleset.Set{Name: "bad", Type: ruleset.IPv4, Ranges: addresses(of...)}
	}
	marks := func(of ...uint32) ruleset.Set { return ruleset.Set{Name: "live", Type: ruleset.Marks, Marks: of} }
	rejudge := func(sets []ruleset.Set, rules ...ruleset.Rule) ruleset.Table {
		return ruleset.Table{Name: "rejudge", Sets: sets, Chains: []ruleset.Chain{
			aside("judge", rules...), base("in", ruleset.Input, ruleset.Drop, deny, live, judge), base("out", ruleset.Output, ruleset.Accept, live, judge),
		}}
	}
	early := rejudge([]ruleset.Set{bad(), marks(1)}, ssh)
	early.Chains = slices.Clone(early.Chains)
	early.Chains[1].Priority = -20
	return [][]ruleset.Table{
		{rejudge([]ruleset.Set{bad("192.0.2.0/24"), marks(11, 12)}, ssh)},
		{rejudge([]ruleset.Set{bad("192.0.2.0/24"), marks(11, 12)}, ssh), {Name: "own", Chains: []ruleset.Chain{base("in", ruleset.Input, "")}}},
		{rejudge([]ruleset.Set{bad("192.0.2.0/25", "198.51.100.0/24"), marks(12)}, ssh)}, // members only
		{rejudge([]ruleset.Set{bad("192.0.2.0/25"), marks(12, 13)}, rule("first", list{ruleset.Drop}...), ssh)},
		{early},
		{{Name: "rejudge", Chains: []ruleset.Chain{base("in", ruleset.Input, ruleset.Drop)}}}, // chains that jump to each other go
		nil,
		{early},
	}
}

// A plan, which is printed before the change is made, makes the same change through nft -f. Even the
// handles are the same, so each command of it was the same too.
func TestPlanIsWhatHappens(t *testing.T) {
	t.Parallel()
	acl := func(rules ...int) *sg.ACL {
		var acl sg.ACL
		for _, n := range rules {
			acl.Ingress = append(acl.Ingress, sg.ACLRule{Number: n, Allow: n%2 == 0, Protocol: packet.TCP, From: n, To: n, Peer: netip.MustParsePrefix("10.0.0.0/8")})
		}
		return &acl
	}
	a := account(t)
	hosts := func(groups int, acl *sg.ACL, was bool) []ruleset.Table {
		return compile(t, enforce.Host{Account: a, Groups: a.Groups[:groups], ACL: acl, WasUntracked: was, Number: func(g *sg.Group, r sg.Rule) uint32 { return uint32(len(g.ID + r.ID)) }})
	}
	for name, changes := range map[string][][]ruleset.Table{
		"models": models(),
		"hosts":  {hosts(0, nil, false), hosts(1, acl(1, 4, 6), false), hosts(3, acl(1, 2, 4, 5, 6), true), hosts(2, acl(6), true), hosts(2, nil, true)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := nstest.New(t), nstest.New(t)
			f := newFirewall(ours)
			t.Cleanup(f.Close)
			for i, to := range changes {
				plan, err := f.Plan(to)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Change(to); err != nil {
					t.Fatalf("change %d: %v\n%s", i, err, plan)
				}
				nstest.Input(t, theirs, plan.String(), "nft", "-f", "-")
				if diff := cmp.Diff(nstest.Output(t, theirs, "nft", "-a", "list", "ruleset"), nstest.Output(t, ours, "nft", "-a", "list", "ruleset")); diff != "" {
					t.Fatalf("change %d: nft -f (-), netlink (+):\n%s\n%s", i, diff, plan)
				}
				fresh := nstest.New(t)
				nstest.Input(t, fresh, text(f.InForce()), "nft", "-f", "-")
				if diff := cmp.Diff(lines(nstest.Output(t, fresh, "nft", "list", "ruleset")), lines(nstest.Output(t, ours, "nft", "list", "ruleset"))); diff != "" {
					t.Fatalf("change %d: in force (-), netlink (+):\n%s\n%s", i, diff, plan)
				}
				if plan, err := f.Plan(to); err != nil || plan.String() != "" {
					t.Fatalf("change %d: it takes another: %v\n%s", i, err, plan)
				}
			}
		})
	}
}

// A network ACL that is changed with the groups is changed in the same transaction. Its rules that stay
// keep their places and counters, and new ones are where their numbers say.
func TestOrderedRulesStay(t *testing.T) {
	t.Parallel()
	h := allowUDP(7)
	numbers := map[string]uint32{"in": 1, "out": 2, "eight": 3}
	h.Number = func(_ *sg.Group, r sg.Rule) uint32 { return numbers[r.ID] }
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	acl := func(numbers ...int) *sg.ACL {
		acl := &sg.ACL{Egress: []sg.ACLRule{{Number: 1, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}}}
		for _, n := range numbers {
			r := sg.ACLRule{Number: n, Allow: true, Protocol: packet.UDP, From: n, To: n, Peer: everywhere}
			if n == 50 || n == 8 {
				r.Allow = false
			}
			if n == 50 {
				r.Protocol, r.From, r.To = packet.All, sg.Any, sg.Any
			}
			acl.Ingress = append(acl.Ingress, r)
		}
		return acl
	}
	h.ACL = acl(7, 50)
	n, f := loopback(t, h)
	trace, err := f.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	exchange(t, n, 9, false)
	h.ACL, h.Guarded = acl(5, 7, 8, 9, 50), true
	h.Groups[0].Ingress = append(h.Groups[0].Ingress, sg.Rule{ID: "eight", Protocol: packet.UDP, From: 8, To: 9, Peer: everywhere})
	plan, err := f.Plan(compile(t, h))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(plan.String(), "\n"); got != 4 || strings.Contains(plan.String(), "# transaction") {
		t.Errorf("%d commands, want one for each rule, in one transaction:\n%s", got, plan)
	}
	if err := f.Change(compile(t, h)); err != nil {
		t.Fatal(err)
	}
	exchange(t, n, 8, false)
	exchange(t, n, 9, false)
	exchange(t, n, 10, false)
	var got []string
	for _, v := range drain(t, trace) {
		if v.Packet.Protocol == packet.UDP && v.Direction == packet.Ingress {
			got = append(got, fmt.Sprintf("%d %v %s %s", v.Packet.DestinationPort, v.Accepted, v.By.Kind, v.By.ID))
		}
	}
	want := []string{"9 false acl acl-50", "8 false acl acl-8", "9 true group eight", "10 false acl acl-50"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	live, err := f.Live()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nstest.Output(t, n, "nft", "list", "table", "inet", enforce.ACLTable), live[0].String()); diff != "" {
		t.Errorf("nft list (-), Live (+):\n%s", diff)
	}
	counted := map[string]uint64{}
	for _, c := range Counters(live) {
		if c.By.Kind == packet.ByACL {
			counted[c.ID] = c.Packets
		}
	}
	if diff := cmp.Diff(map[string]uint64{"acl-8": 1, "acl-50": 2}, counted); diff != "" {
		t.Errorf("want (-), counted (+):\n%s", diff)
	}
}
