// Package whatif reports what a change of security groups does: its calls, the connections, what to
// worry about, and the proof.
package whatif

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"lablab/fate"
	"lablab/live"
	"lablab/plan"
	"lablab/say"
)

// A Report is what is reported of a change. Its JSON is described in docs/what-if.md.
type Report struct {
	Schema      int            `json:"schema"`
	File        string         `json:"file"`
	Kind        plan.Kind      `json:"kind"`
	Tool        string         `json:"tool,omitempty"`
	Model       string         `json:"model"`
	Steps       []Step         `json:"steps"`
	Either      [][2]int       `json:"either"`
	Lost        []Loss         `json:"lost"`
	Otherwise   []Other        `json:"otherwise"`
	Sources     []Source       `json:"sources"`
	Flows       []Flow         `json:"flows"`
	Findings    []Finding      `json:"findings"`
	Proof       *Proof         `json:"proof,omitempty"`
	Resources   []Resource     `json:"resources"`
	PartlyKnown []string       `json:"partly_known"`
	Notes       []say.Sentence `json:"notes"`
}

// A Step is a call to EC2.
type Step struct {
	Number   int          `json:"number"`
	Call     string       `json:"call"`
	Group    string       `json:"group,omitempty"`
	Target   string       `json:"target,omitempty"`
	Resource string       `json:"resource,omitempty"`
	Line     int          `json:"line,omitempty"`
	Does     say.Sentence `json:"does"`
	After    []int        `json:"after"`
	Result   plan.Result  `json:"result"`
	Error    string       `json:"error,omitempty"`
	err      error        // the same, in any language
	Unknown  []Unknown    `json:"unresolved,omitempty"`
}

// An Unknown is a value that the file does not have.
type Unknown struct {
	Attribute  string       `json:"attribute"`
	Reason     say.Sentence `json:"reason"`
	Candidates []string     `json:"candidates,omitempty"`
}

// A Loss is a rule that is missing at the end.
type Loss struct {
	Resource  string `json:"resource"`
	Group     string `json:"group"`
	Direction string `json:"direction"`
	Rule      string `json:"rule"`
}

// An Other is a pair of calls that ends differently if the first comes before the second.
type Other struct {
	First  int    `json:"first"`
	Second int    `json:"second"`
	Failed []int  `json:"failed"`
	Lost   []Loss `json:"lost"`
}

// A Resource is what became of a resource of the file.
type Resource struct {
	Address    string         `json:"address"`
	Type       string         `json:"type"`
	Use        plan.Use       `json:"use"`
	Reason     say.Sentence   `json:"reason"`
	Resolved   []say.Sentence `json:"resolved,omitempty"`
	Unresolved []Unknown      `json:"unresolved,omitempty"`
}

// A Course is what becomes of a connection.
type Course struct {
	Fate    fate.Word `json:"fate"`
	Certain bool      `json:"certain"`
	From    int       `json:"from_step,omitempty"`
	To      int       `json:"to_step,omitempty"`
	Rule    string    `json:"rule,omitempty"`
	Group   string    `json:"group,omitempty"`
}

// A Flow is a connection, and what becomes of it.
type Flow struct {
	Flow string `json:"flow"`
	// Host is the one that decides, or the one that is known.
	Host string `json:"host,omitempty"`
	Line int    `json:"line,omitempty"`
	// State is up, new or rejected.
	State string `json:"state"`
	Course
	Why    say.Sentence   `json:"why"`
	Doubts []say.Sentence `json:"doubts,omitempty"`
	Again  Course         `json:"again"`
	Others []OtherCourse  `json:"others,omitempty"`
}

// An OtherCourse is what becomes of a connection if the calls are made in another order.
type OtherCourse struct {
	First  int    `json:"first"`
	Second int    `json:"second"`
	Course Course `json:"course"`
	Again  Course `json:"again"`
}

// A Finding is something to worry about.
type Finding struct {
	Kind     fate.Kind    `json:"kind"`
	Certain  bool         `json:"certain"`
	Resource string       `json:"resource,omitempty"`
	From     int          `json:"from_step,omitempty"`
	To       int          `json:"to_step,omitempty"`
	Flows    int          `json:"flows,omitempty"`
	Text     say.Sentence `json:"text"`
	Cure     string       `json:"cure,omitempty"`
	CureText say.Sentence `json:"cure_text,omitzero"`
}

// A Proof is what was played to prove the fates.
type Proof struct {
	// Kernel is the kernel that played it, such as "Linux 6.18.2"; empty if nothing was.
	Kernel string `json:"kernel,omitempty"`
	// Reason says why nothing was played.
	Reason        say.Sentence `json:"reason,omitzero"`
	Fates         int          `json:"fates"`
	Orders        int          `json:"orders"`
	Disagreements int          `json:"disagreements"`
	// Unjudged is how many predictions could not be judged, since the machine was too busy to play them
	// in time or to show all evidence.
	Unjudged int `json:"unjudged"`
	// Differences say where the kernel disagrees.
	Differences []say.Sentence `json:"differences,omitempty"`
}

// Of returns the report of a change with these connections.
func Of(p *plan.Plan, sources []*live.Flows, f fate.Forecast, model string) *Report {
	r := &Report{
		Schema: 1, File: p.File, Kind: p.Kind, Tool: p.Tool, Model: model, Steps: []Step{}, Either: append([][2]int{}, p.Either()...), Otherwise: []Other{},
		Sources: []Source{}, Flows: []Flow{}, Findings: []Finding{},
		Resources: []Resource{}, PartlyKnown: append([]string{}, p.Partial...), Notes: append([]say.Sentence{}, p.Notes...),
	}
	for _, s := range sources {
		r.Sources = append(r.Sources, sourceOf(s))
	}
	orders := f.Orders()
	likely := orders[0].Run
	for i, c := range p.Calls {
		step := Step{
			Number: c.Number, Call: c.Name, Group: c.Group(), Target: c.Target(), Resource: c.Resource, Line: c.Line, Does: c.Said(),
			After: append([]int{}, c.After...), Result: likely[i].Result, Unknown: unknowns(c.Unresolved),
		}
		if likely[i].Err != nil {
			step.err, step.Error = likely[i].Err, likely[i].Err.Error()
		}
		r.Steps = append(r.Steps, step)
	}
	r.Lost = losses(p.Lost(likely))
	if more := len(r.Either) - len(orders) + 1; more > 0 {
		r.Notes = append(r.Notes, say.F("%d pairs of calls were not tried in the other order", more))
	}
	for _, o := range orders[1:] {
		other := Other{First: o.First, Second: o.Second, Failed: failed(o.Run), Lost: losses(p.Lost(o.Run))}
		if fmt.Sprint(failed(likely), r.Lost) != fmt.Sprint(other.Failed, other.Lost) {
			r.Otherwise = append(r.Otherwise, other)
		}
	}
	for _, f := range f.Fates {
		r.Flows = append(r.Flows, flowOf(f))
	}
	for _, f := range f.Findings {
		r.Findings = append(r.Findings, Finding{f.Kind, f.Certain, f.Resource, f.From, f.To, f.Flows, f.Said, f.Cure.Name, f.Cure.Text})
	}
	for _, s := range p.Resources {
		r.Resources = append(r.Resources, Resource{s.Address, s.Type, s.Use, s.Reason, s.Resolved, unknowns(s.Unresolved)})
	}
	return r
}

func unknowns(list []plan.Unknown) (all []Unknown) {
	for _, u := range list {
		all = append(all, Unknown(u))
	}
	return all
}

func losses(list []plan.Loss) []Loss {
	all := []Loss{}
	for _, l := range list {
		all = append(all, Loss{l.Resource, l.Rule.Group, string(l.Rule.Direction), l.Rule.Rule.String()})
	}
	return all
}

// failed returns the numbers of the calls that EC2 rejects.
func failed(run []plan.Outcome) []int {
	numbers := []int{}
	for _, o := range run {
		if o.Result == plan.Failed {
			numbers = append(numbers, o.Call)
		}
	}
	return numbers
}

func courseOf(c fate.Course) Course {
	return Course{c.Word, c.Certain, c.From, c.To, c.Rule, c.Group}
}

// named returns a flow in one line, with its host where the source has no address, and without a port
// that the source does not have.
func named(f live.Flow) string {
	name := f.Key.Named(func(a netip.Addr) string {
		if a.IsValid() {
			return a.String()
		}
		return cmp.Or(f.Host, "?")
	})
	return strings.Replace(name, ":0 > ", " > ", 1)
}

func flowOf(f fate.Fate) Flow {
	flow := Flow{
		Flow: named(f.Flow), Host: f.Host, Line: f.Flow.Line, State: "up",
		Course: courseOf(f.Course), Why: f.Why, Doubts: f.Doubts, Again: courseOf(f.Again),
	}
	if flow.Host == "" && len(f.Hosts) > 0 {
		flow.Host = f.Hosts[len(f.Hosts)-1]
	}
	switch {
	case f.Flow.New:
		flow.State = "new"
	case f.Flow.Rejected:
		flow.State = "rejected"
	}
	for _, o := range f.Others {
		flow.Others = append(flow.Others, OtherCourse{o.First, o.Second, courseOf(o.Course), courseOf(o.Again)})
	}
	return flow
}

// Worrying returns how many findings are of one of the kinds.
func (r *Report) Worrying(kinds []string) (n int) {
	for _, f := range r.Findings {
		for _, k := range kinds {
			if k == string(f.Kind) {
				n++
			}
		}
	}
	return n
}
