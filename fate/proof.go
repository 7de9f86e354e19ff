package fate

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"lablab/live"
	"lablab/plan"
	"lablab/say"
	"lablab/scenario"
)

// A Proof is a scenario that makes a change in one order of its calls, and predicts of some flows what
// their fates say.
type Proof struct {
	// First comes before Second, unlike in the likely order; both are 0 in that.
	First, Second int
	// Fates are the places of the fates in the forecast.
	Fates []int
	// Text is a scenario file.
	Text string
}

// Scenario returns the proof as a scenario.
func (p Proof) Scenario() (*scenario.Scenario, error) {
	return scenario.Read("what-if.yaml", []byte(p.Text), nil)
}

// mostHosts is how many hosts a scenario can have.
const mostHosts = 16

// Representatives returns the places of fates of which no two are alike: the first of each kind that a
// scenario can show.
func (f Forecast) Representatives() (places []int) {
	type kind struct {
		protocol       any
		course, again  Course
		others, states string
	}
	seen := map[kind]bool{}
	for i, fate := range f.Fates {
		k := kind{protocol: fate.Flow.Protocol, course: fate.Course, again: fate.Again, states: fmt.Sprint(fate.Flow.New, fate.Flow.Rejected)}
		for _, o := range fate.Others {
			k.others += fmt.Sprint(o)
		}
		if fate.Word == NotJudged || seen[k] || !playable(fate) {
			continue
		}
		seen[k] = true
		places = append(places, i)
	}
	return places
}

// playable reports whether a scenario can have the flow.
func playable(f Fate) bool {
	k := f.Flow.Key
	echo := k.Protocol.IsICMP() && (k.ICMPType == 8 || k.ICMPType == 128) && k.ICMPCode == 0
	return (echo || k.DestinationPort > 0) && f.Flow.Reply == nil && k.Source != k.Destination
}

// Proofs returns the scenarios that play the fates at these places in every order that makes a
// difference to them.
func (f Forecast) Proofs(places []int) (proofs []Proof) {
	for _, c := range append([]*course{f.likely}, f.others...) {
		var now []int
		for _, i := range places {
			fate := f.Fates[i]
			if c == f.likely || slices.ContainsFunc(fate.Others, func(o Other) bool { return o.First == c.first && o.Second == c.second }) {
				now = append(now, i)
			}
		}
		for len(now) > 0 {
			var part []int
			part, now = f.together(now)
			proofs = append(proofs, Proof{c.first, c.second, part, f.write(c, part)})
		}
	}
	return proofs
}

// together returns the fates that fit into one scenario with the first, and the rest.
func (f Forecast) together(places []int) (part, rest []int) {
	hosts := map[string]bool{}
	six := f.Fates[places[0]].Flow.Source.Is6()
	for _, i := range places {
		flow := f.Fates[i].Flow
		more := 0
		for _, a := range []string{flow.Source.String(), flow.Destination.String()} {
			if !hosts[a] {
				more++
			}
		}
		if flow.Source.Is6() != six || len(hosts)+more > mostHosts || f.clashes(part, flow) {
			rest = append(rest, i)
			continue
		}
		hosts[flow.Source.String()], hosts[flow.Destination.String()] = true, true
		part = append(part, i)
	}
	return part, rest
}

// clashes reports whether a flow has the key of another one, or is one that another one's next
// connection could be.
func (f Forecast) clashes(places []int, flow live.Flow) bool {
	return slices.ContainsFunc(places, func(i int) bool { return f.Fates[i].Flow.Key == flow.Key || f.Fates[i].Flow.Key == flow.Reversed() })
}

// write writes the scenario of some fates in one order of the calls.
func (f Forecast) write(c *course, places []int) string {
	w := newWriter(f.forecast, c)
	for _, i := range places {
		w.add(f.Fates[i])
	}
	return w.text()
}

// order says in which order the calls are made.
func (c *course) order() string {
	if c.first == 0 {
		return say.F("in the likely order").String()
	}
	return say.F("with call %d before call %d", c.first, c.second).String()
}

// called says what a call does, for the title of an experiment.
func called(c plan.Call) string {
	return strings.TrimSpace(say.F("call %d: %s %s", c.Number, c.Name, c.Resource).String())
}

// name returns the name of a file, or what stands for it.
func name(file string) string {
	if file == "" {
		return say.F("the change").String()
	}
	return filepath.Base(file)
}
