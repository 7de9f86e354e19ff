package plan

import (
	"math/bits"
	"slices"
)

// A node is what a tool does in one go: usually one action on one resource.
type node struct {
	resource string
	// lock is what no other node may hold at the same time, or "".
	lock  string
	calls []Call
}

// A graph is nodes, and for each of them the nodes that come before it.
type graph struct {
	nodes []node
	after [][]int
	// width is how many nodes are worked on at once.
	width int
}

func (g *graph) add(n node) int {
	g.nodes, g.after = append(g.nodes, n), append(g.after, nil)
	return len(g.nodes) - 1
}

// connect says that a node comes after another one.
func (g *graph) connect(later, earlier int) {
	if later != earlier && !slices.Contains(g.after[later], earlier) {
		g.after[later] = append(g.after[later], earlier)
	}
}

// chain adds each call as a node after the one before.
func (g *graph) chain(calls []Call) {
	for i, c := range calls {
		g.add(node{resource: c.Resource, calls: []Call{c}})
		if i > 0 {
			g.connect(i, i-1)
		}
	}
}

// sorted returns the nodes in an order that keeps all edges, and whether there was one: edges that
// close a circle are removed.
func (g *graph) sorted() (order []int, acyclic bool) {
	acyclic = true
	done := make([]bool, len(g.nodes))
	later := make([][]int, len(g.nodes))
	waits := make([]int, len(g.nodes))
	var queue []int
	for n, earlier := range g.after {
		waits[n] = len(earlier)
		for _, e := range earlier {
			later[e] = append(later[e], n)
		}
		if len(earlier) == 0 {
			queue = append(queue, n)
		}
	}
	for stuck := 0; len(order) < len(g.nodes); {
		if len(queue) == 0 {
			for done[stuck] {
				stuck++
			}
			acyclic = false
			g.after[stuck] = slices.DeleteFunc(g.after[stuck], func(e int) bool { return !done[e] })
			queue = append(queue, stuck)
		}
		n := queue[0]
		queue = queue[1:]
		if done[n] {
			continue
		}
		done[n] = true
		order = append(order, n)
		for _, l := range later[n] {
			if waits[l]--; waits[l] == 0 && !done[l] {
				queue = append(queue, l)
			}
		}
	}
	return order, acyclic
}

// An order is the partial order of a plan's calls.
type order struct {
	earlier [][]uint64 // for each node, the set of all nodes before it
}

func (o order) node(later, earlier int) bool {
	return o.earlier[later][earlier/64]>>(earlier%64)&1 == 1
}

// settle works out the calls' order from the graph.
func (p *Plan) settle(g *graph) {
	sorted, acyclic := g.sorted()
	if !acyclic {
		p.Notes = append(p.Notes, circular)
	}
	words := (len(g.nodes) + 63) / 64
	p.order.earlier = make([][]uint64, len(g.nodes))
	for _, n := range sorted {
		set := make([]uint64, words)
		for _, e := range g.after[n] {
			for i, word := range p.order.earlier[e] {
				set[i] |= word
			}
			set[e/64] |= 1 << (e % 64)
		}
		p.order.earlier[n] = set
	}
	last := make([]int, len(g.nodes)) // the number of a node's last call so far
	p.Calls = nil
	for _, n := range g.likely() {
		c := g.nodes[n].calls[0]
		g.nodes[n].calls = g.nodes[n].calls[1:]
		c.Number, c.node = len(p.Calls)+1, n
		if last[n] > 0 {
			c.After = []int{last[n]}
		} else {
			c.After = p.lastBefore(n, last)
		}
		last[n] = c.Number
		p.Calls = append(p.Calls, c)
	}
}

// lastBefore returns the last calls of the nodes before a node, without those that precede others.
func (p *Plan) lastBefore(n int, last []int) []int {
	after := []int{}
	for i, word := range p.order.earlier[n] {
		for ; word != 0; word &= word - 1 {
			if e := i*64 + bits.TrailingZeros64(word); last[e] > 0 {
				after = append(after, last[e])
			}
		}
	}
	all := slices.Clone(after)
	after = slices.DeleteFunc(after, func(a int) bool {
		return slices.ContainsFunc(all, func(b int) bool {
			return a != b && p.order.node(p.Calls[b-1].node, p.Calls[a-1].node)
		})
	})
	slices.Sort(after)
	return after
}

// likely returns the node of each call in the likely order. Nodes start in the order in which they
// become ready, as many at once as the tool works on; each call takes the same time, and a node that
// needs a lock waits for those that came before it.
func (g *graph) likely() (order []int) {
	later, waits := make([][]int, len(g.nodes)), make([]int, len(g.nodes))
	var queue, running []int
	for n, earlier := range g.after {
		waits[n] = len(earlier)
		for _, e := range earlier {
			later[e] = append(later[e], n)
		}
		if len(earlier) == 0 {
			queue = append(queue, n)
		}
	}
	done := make([]int, len(g.nodes)) // calls made
	held := map[string]int{}
	finish := func(n int) {
		if held[g.nodes[n].lock] == n+1 {
			delete(held, g.nodes[n].lock)
		}
		for _, l := range later[n] {
			if waits[l]--; waits[l] == 0 {
				queue = append(queue, l)
			}
		}
	}
	for len(queue)+len(running) > 0 {
		for len(queue) > 0 && len(running) < g.width {
			n := queue[0]
			queue = queue[1:]
			if len(g.nodes[n].calls) == 0 {
				finish(n)
			} else {
				running = append(running, n)
			}
		}
		var finished []int
		for _, n := range running {
			if lock := g.nodes[n].lock; lock != "" {
				if holder := held[lock]; holder != 0 && holder != n+1 {
					continue
				}
				held[lock] = n + 1
			}
			order = append(order, n)
			if done[n]++; done[n] == len(g.nodes[n].calls) {
				finished = append(finished, n)
			}
		}
		running = slices.DeleteFunc(running, func(n int) bool { return done[n] == len(g.nodes[n].calls) })
		for _, n := range finished {
			finish(n)
		}
	}
	return order
}

// Precedes reports whether one call certainly comes before another one. Calls are given by their
// numbers.
func (p *Plan) Precedes(earlier, later int) bool {
	e, l := p.Calls[earlier-1], p.Calls[later-1]
	if e.node == l.node {
		return earlier < later
	}
	return p.order.node(l.node, e.node)
}

// Possible reports whether the tool may make all the calls in that order: each number once, and each
// after those that certainly precede it.
func (p *Plan) Possible(numbers []int) bool {
	if len(numbers) != len(p.Calls) {
		return false
	}
	made := make([]bool, len(p.Calls)+1)
	for _, n := range numbers {
		if n < 1 || n > len(p.Calls) || made[n] || slices.ContainsFunc(p.Calls[n-1].After, func(a int) bool { return !made[a] }) {
			return false
		}
		made[n] = true
	}
	return true
}

// With returns the likely order with one call moved so that another one comes before it, which must be
// possible.
func (p *Plan) With(earlier, later int) (numbers []int) {
	var held []int // the later call, and what comes after it
	for _, c := range p.Calls {
		switch {
		case c.Number == earlier:
			numbers = append(append(numbers, earlier), held...)
			held = nil
		case c.Number < earlier && (c.Number == later || p.Precedes(later, c.Number)):
			held = append(held, c.Number)
		default:
			numbers = append(numbers, c.Number)
		}
	}
	return numbers
}

// Either returns the pairs of calls of which either may come first, and whose order matters: one of
// them changes what the other uses or changes, such as the rules of a group or who has it, and one
// gives what the other takes.
func (p *Plan) Either() (pairs [][2]int) {
	changed, used := map[string][]int{}, map[string][]int{}
	seen := map[[2]int]bool{}
	for _, c := range p.Calls {
		is := c.operation.about()
		meets := func(others []int) {
			for _, earlier := range others {
				pair := [2]int{earlier, c.Number}
				was := p.Calls[earlier-1].operation.about()
				if !seen[pair] && is.meet(was) && !p.Precedes(earlier, c.Number) && !p.Precedes(c.Number, earlier) {
					seen[pair] = true
					pairs = append(pairs, pair)
				}
			}
		}
		for _, key := range is.changes {
			meets(changed[key])
			meets(used[key])
		}
		for _, key := range is.uses {
			meets(changed[key])
		}
		for _, key := range is.changes {
			changed[key] = append(changed[key], c.Number)
		}
		for _, key := range is.uses {
			used[key] = append(used[key], c.Number)
		}
	}
	slices.SortFunc(pairs, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	return pairs
}
