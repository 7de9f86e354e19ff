// Package fate says what a change of security groups does to connections: to those that are up, and
// to the next one of each kind. It is pure and takes any number of flows. What it says is a
// prediction by the rules of package enforce, in every order that the change allows.
package fate

import (
	"slices"

	"lablab/enforce"
	"lablab/live"
	"lablab/packet"
	"lablab/plan"
	"lablab/say"
	"lablab/sg"
)

// A Word says what becomes of a connection.
type Word string

// What becomes of a connection that is up. The rules are those of its hosts.
const (
	LivesOn       Word = "lives-on"
	CannotReturn  Word = "cannot-return"     // it goes on, but could not begin again
	GoesUntracked Word = "goes-on-untracked" // it goes on, and the rules decide about each packet from now on
	Interrupted   Word = "interrupted"       // cut by one call, and back after another
	Cut           Word = "cut"               // for good
	CutUnlessPeer Word = "cut-unless-peer"   // cut, unless the side that did not begin it sends first
	Down          Word = "down"              // its packets are dropped, before the change and after it
	NotJudged     Word = "unknown"           // neither of its hosts is known
)

// What becomes of a connection that begins.
const (
	Allowed          Word = "allowed"
	Refused          Word = "refused"
	NewlyAllowed     Word = "newly-allowed"
	NewlyRefused     Word = "newly-refused"
	Gap              Word = "gap"               // refused after one call, until another
	AllowedMeanwhile Word = "allowed-meanwhile" // allowed after one call, until another
)

// severity orders what is worse for those who use the connection.
var severity = []Word{LivesOn, Allowed, NewlyAllowed, AllowedMeanwhile, Down, Refused, GoesUntracked, CannotReturn, NotJudged, Gap, Interrupted, CutUnlessPeer, NewlyRefused, Cut}

// A Course is what becomes of a connection in one order of the calls.
type Course struct {
	Word Word
	// From is the number of the call that cuts it, To that of the call that brings it back; 0 if none
	// does.
	From, To int
	// Host is the host that drops its packets, if one does, and Rule the rule that admits it in the
	// end, or else admitted it in the beginning; with its group.
	Host, Rule, Group string
	// Certain is whether nothing that is not known could make it different, and no other order does.
	Certain bool
}

// A Fate is what a change does to one flow.
type Fate struct {
	Flow live.Flow
	// Hosts are those of its ends that are known.
	Hosts []string
	// Course is that of the likely order.
	Course
	// Again is what becomes of the next connection of this kind in the likely order.
	Again Course
	// Others are the different courses in other orders.
	Others []Other
	// Why says what decides, Doubts why that is not certain.
	Why    say.Sentence
	Doubts []say.Sentence
}

// An Other is what becomes of a flow if the calls are made in another order.
type Other struct {
	// First comes before Second, unlike in the likely order.
	First, Second int
	Course, Again Course
}

// Options are what the change does not say.
type Options struct {
	// Model is how the hosts treat flows that are up; nil for EC2's way.
	Model enforce.Model
	// Models are those of single hosts, by their ids.
	Models map[string]enforce.Model
	// Orders is how many other orders are tried at most.
	Orders int
	// Hosts are network interfaces beside those of the change.
	Hosts []sg.Interface

	cuts map[string]*cuts // by the ids of hosts
}

// A Forecast is what a change does.
type Forecast struct {
	Fates    []Fate
	Findings []Finding
	*forecast
}

// Of returns the fate of each flow, and the findings.
func Of(p *plan.Plan, flows []live.Flow, o Options) Forecast {
	if o.Model == nil {
		o.Model = enforce.Default()
	}
	f := newForecast(p, o)
	fates := make([]Fate, len(flows))
	for i, flow := range flows {
		fates[i] = f.fate(flow)
	}
	return Forecast{fates, f.findings(fates), f}
}

// A forecast has what is worked out once for all flows.
type forecast struct {
	*plan.Plan
	Options
	likely *course
	others []*course
	hosts  addresses
	known  map[class]Fate // of the flows so far
}

func newForecast(p *plan.Plan, o Options) *forecast {
	o.cuts = map[string]*cuts{}
	f := &forecast{Plan: p, Options: o, known: map[class]Fate{}}
	f.likely = newCourse(p, [2]int{}, o)
	f.hosts = newAddresses(f.likely.end(p), p.Before.Interfaces, o.Hosts)
	pairs := p.Either()
	for _, pair := range pairs[:min(o.Orders, len(pairs))] {
		f.others = append(f.others, newCourse(p, [2]int{pair[1], pair[0]}, o))
	}
	return f
}

// fate works out what becomes of a flow.
func (f *forecast) fate(flow live.Flow) (fate Fate) {
	flow = f.hosts.completed(flow)
	fate = Fate{Flow: flow}
	from, to := f.hosts.ends(flow)
	for _, host := range []string{from, to} {
		if host != "" {
			fate.Hosts = append(fate.Hosts, host)
		}
	}
	if len(fate.Hosts) == 0 {
		fate.Course = Course{Word: NotJudged}
		fate.Why = say.F("no known network interface has one of its addresses")
		return fate
	}
	class := f.class(flow, from, to)
	if same, known := f.known[class]; known {
		same.Flow, same.Hosts = flow, fate.Hosts
		return same
	}
	defer func() { f.known[class] = fate }()
	likely := f.run(f.likely, flow, from, to)
	fate.Course, fate.Again, fate.Why, fate.Doubts = likely.course, likely.again, likely.why, likely.doubts
	tried := []string{f.likely.signature(from, to)}
	for _, c := range f.others {
		signature := c.signature(from, to)
		if slices.Contains(tried, signature) {
			continue
		}
		tried = append(tried, signature)
		r := f.run(c, flow, from, to)
		same, sameAgain := r.course.Word == fate.Word, r.again.Word == fate.Again.Word
		fate.Certain, fate.Again.Certain = fate.Certain && same, fate.Again.Certain && sameAgain
		if !same || !sameAgain {
			fate.Others = append(fate.Others, Other{First: c.first, Second: c.second, Course: r.course, Again: r.again})
		}
	}
	if flow.Reply != nil {
		fate.Certain, fate.Again.Certain = false, false
		fate.Doubts = append(fate.Doubts, say.F("its addresses are translated on the way"))
	}
	if flow.Guessed {
		back := flow
		back.Key = flow.Reversed()
		if r := f.run(f.likely, back, to, from); r.course.Word != fate.Word {
			fate.Certain = false
			fate.Doubts = append(fate.Doubts, say.F("it is not known which side began it"))
		}
	}
	return fate
}

// directions are the directions of packets at a host.
var directions = [...]packet.Direction{packet.Ingress, packet.Egress}

// An Order is one in which the calls may be made, and what EC2 does then.
type Order struct {
	// First comes before Second, unlike in the likely order; both are 0 in that.
	First, Second int
	Run           []plan.Outcome
}

// Orders returns the orders that were tried, the likely one first.
func (f Forecast) Orders() (list []Order) {
	for _, c := range append([]*course{f.likely}, f.others...) {
		list = append(list, Order{c.first, c.second, c.calls})
	}
	return list
}

// Severity returns how bad a fate is for those who use the connection, from 0.
func Severity(w Word) int { return slices.Index(severity, w) }
