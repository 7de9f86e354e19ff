package plan

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/packet"
	"lablab/sg"
)

func nodes(names ...string) *graph {
	g := &graph{width: 10}
	for _, name := range names {
		g.add(node{resource: name, calls: []Call{{Name: name, operation: nothing{}}}})
	}
	return g
}

func called(p *Plan) (names []string) {
	for _, c := range p.Calls {
		names = append(names, c.Name)
	}
	return names
}

func TestTheLikelyOrder(t *testing.T) {
	for _, test := range []struct {
		name string
		g    func() *graph
		want []string
	}{
		{"in the order of the file", func() *graph { return nodes("a", "b", "c") }, []string{"a", "b", "c"}},
		{"what waits comes behind what is ready", func() *graph {
			g := nodes("create a", "delete a", "delete b")
			g.connect(0, 1)
			return g
		}, []string{"delete a", "delete b", "create a"}},
		{"a lock keeps nodes apart, not others", func() *graph {
			g := nodes("a", "b", "c", "after a")
			g.nodes[0].lock, g.nodes[1].lock = "x", "x"
			g.connect(3, 0)
			return g
		}, []string{"a", "c", "b", "after a"}},
		{"one at a time", func() *graph {
			g := nodes("a", "b", "c")
			g.width = 1
			g.nodes[0].calls = append(g.nodes[0].calls, Call{Name: "a2", operation: nothing{}})
			return g
		}, []string{"a", "a2", "b", "c"}},
		{"through nodes without calls", func() *graph {
			g := nodes("b", "nothing", "a")
			g.nodes[1].calls = nil
			g.connect(0, 1)
			g.connect(1, 2)
			return g
		}, []string{"a", "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &Plan{}
			p.settle(test.g())
			if diff := cmp.Diff(test.want, called(p)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	p := &Plan{}
	g := nodes("a", "b", "nothing", "c", "d")
	g.nodes[2].calls = nil
	g.connect(1, 0)
	g.connect(2, 1)
	g.connect(3, 2)
	g.connect(3, 0) // also directly
	p.settle(g)
	after := map[string][]int{}
	for _, c := range p.Calls {
		after[c.Name] = c.After
	}
	number := func(name string) int { return slices.Index(called(p), name) + 1 }
	want := map[string][]int{"a": {}, "b": {number("a")}, "c": {number("b")}, "d": {}}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !p.Precedes(number("a"), number("c")) || p.Precedes(number("c"), number("a")) || p.Precedes(number("d"), number("c")) {
		t.Error("wrong precedence")
	}
	for _, test := range []struct {
		order    []string
		possible bool
	}{
		{[]string{"a", "b", "c", "d"}, true},
		{[]string{"d", "a", "b", "c"}, true},
		{[]string{"b", "a", "c", "d"}, false},
		{[]string{"a", "c", "b", "d"}, false},
		{[]string{"a", "b", "c"}, false},
		{[]string{"a", "a", "b", "c"}, false},
		{[]string{"a", "b", "c", "x"}, false},
	} {
		var numbers []int
		for _, name := range test.order {
			numbers = append(numbers, number(name))
		}
		if got := p.Possible(numbers); got != test.possible {
			t.Errorf("%v: %v", test.order, got)
		}
	}
}

// Dependencies in a circle lose one edge, and are noted.
func TestCircles(t *testing.T) {
	g := nodes("a", "b", "c")
	g.connect(0, 1)
	g.connect(1, 0)
	g.connect(2, 1)
	p := &Plan{}
	p.settle(g)
	if len(p.Calls) != 3 || len(p.Notes) != 1 || !p.Precedes(slices.Index(called(p), "b")+1, slices.Index(called(p), "c")+1) {
		t.Errorf("%v %v", called(p), p.Notes)
	}
}

// Of calls that can come in either order, another order can end differently: a rule that was moved
// to another resource is gone if the new one comes first.
func TestTheOtherOrder(t *testing.T) {
	for _, test := range []struct {
		sample string
		failed string // the code of the first call that fails
		lost   int
	}{
		{"rename", sg.Duplicate, 1},
		{"swap", "", 0},
	} {
		t.Run(test.sample, func(t *testing.T) {
			p := sample(t, test.sample)
			if run := p.Run(); len(p.Lost(run)) > 0 {
				t.Errorf("the likely order loses %v", p.Lost(run))
			}
			pairs := p.Either()
			if len(pairs) != 1 {
				t.Fatalf("pairs: %v", pairs)
			}
			order := p.With(pairs[0][1], pairs[0][0])
			if !p.Possible(order) || slices.IsSorted(order) {
				t.Fatalf("order: %v", order)
			}
			run := p.Run(order...)
			failed := ""
			for _, o := range run {
				if o.Result == Failed && failed == "" {
					failed = code(o.Err)
				}
			}
			if lost := p.Lost(run); failed != test.failed || len(lost) != test.lost {
				t.Errorf("failed: %s, lost: %v", failed, lost)
			}
		})
	}
}

func tcp(id string, port int, peer string) sg.Rule {
	return sg.Rule{ID: id, Protocol: packet.TCP, From: port, To: port, Peer: netip.MustParsePrefix(peer)}
}

// The order of two calls matters only if they are about packets that both concern.
func TestOverlap(t *testing.T) {
	icmp := sg.Rule{Protocol: packet.ICMP, From: 8, To: 0, Peer: netip.MustParsePrefix("10.0.0.0/8")}
	all := sg.Rule{Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}
	group := sg.Rule{Protocol: packet.TCP, From: 1, To: 100, Reference: sg.Reference{GroupID: "sg-1"}}
	for _, test := range []struct {
		a, b sg.Rule
		want bool
	}{
		{tcp("", 22, "10.0.0.0/8"), tcp("", 22, "10.1.0.0/16"), true},
		{tcp("", 22, "10.0.0.0/8"), tcp("", 22, "192.0.2.0/24"), false},
		{tcp("", 22, "10.0.0.0/8"), tcp("", 23, "10.0.0.0/8"), false},
		{tcp("", 22, "10.0.0.0/8"), icmp, false},
		{tcp("", 22, "10.0.0.0/8"), all, true},
		{tcp("", 22, "::/0"), all, false},
		{tcp("", 22, "10.0.0.0/8"), group, true},
		{tcp("", 122, "10.0.0.0/8"), group, false},
		{icmp, icmp, true},
	} {
		if got := overlap(test.a, test.b); got != test.want || overlap(test.b, test.a) != got {
			t.Errorf("%s, %s: %v", test.a, test.b, got)
		}
	}
}

// After a call that failed, Terraform makes those that do not depend on it, Pulumi and CloudFormation
// none, and a script all.
func TestAfterAFailure(t *testing.T) {
	for _, test := range []struct {
		failure failure
		want    []Result
	}{
		{goesOn, []Result{Failed, Done, Done}},
		{skipsAfter, []Result{Failed, Done, Skipped}},
		{stops, []Result{Failed, Skipped, Skipped}},
	} {
		g := nodes("fails", "independent", "dependent")
		g.nodes[0].calls[0].operation = deleteGroup{"sg-9"}
		g.connect(2, 0)
		p := &Plan{failure: test.failure, start: newState(&sg.Account{})}
		p.settle(g)
		var got []Result
		for _, o := range p.Run() {
			got = append(got, o.Result)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", test.failure, diff)
		}
	}
}

func TestRulesOfBothDirectionsDoNotMeet(t *testing.T) {
	rules := []sg.Rule{tcp("", 22, "10.0.0.0/8")}
	out := authorize{"sg-1", packet.Egress, rules}.about()
	for d, want := range map[packet.Direction]bool{packet.Ingress: false, packet.Egress: true} {
		if got := out.meet(revoke{"sg-1", d, rules}.about()); got != want {
			t.Errorf("%s: %v", d, got)
		}
	}
}
