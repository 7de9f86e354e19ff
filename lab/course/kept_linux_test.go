package course_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/lab"
	"lablab/play"
	"lablab/report"
	"lablab/scenario"
	"lablab/sg"
	"lablab/sim"
	"lablab/timeline"
)

// A keptScenario is a random scenario, as files have it: one for which memory once differed from the
// kernel, or a sentence was wrong.
type keptScenario struct {
	Hosts       []keptHost
	Groups      []*sg.Group
	PrefixLists []sg.PrefixList
	Experiments []keptExperiment
}

type keptHost struct {
	Name, Model string
	Address     netip.Prefix
	Groups      []string
}

type keptExperiment struct {
	For int
	Do  []keptAction
}

// A keptAction has one of these.
type keptAction struct {
	Start     *scenario.Start     `json:",omitempty"`
	Stop      *scenario.Stop      `json:",omitempty"`
	Restart   *scenario.Restart   `json:",omitempty"`
	Cut       *scenario.Cut       `json:",omitempty"`
	Configure *scenario.Configure `json:",omitempty"`
	Change    sg.Changes          `json:",omitempty"`
}

func keptOf(sc *scenario.Scenario) keptScenario {
	k := keptScenario{Groups: sc.Account.Groups, PrefixLists: sc.Account.PrefixLists}
	for _, h := range sc.Hosts {
		k.Hosts = append(k.Hosts, keptHost{h.Name, enforce.Notation(h.Enforcement()), h.Address, h.Groups})
	}
	for _, x := range sc.Experiments {
		one := keptExperiment{For: x.For}
		for _, action := range x.Do {
			var a keptAction
			switch body := action.(type) {
			case scenario.Start:
				a.Start = &body
			case scenario.Stop:
				a.Stop = &body
			case scenario.Restart:
				a.Restart = &body
			case scenario.Cut:
				a.Cut = &body
			case scenario.Configure:
				a.Configure = &body
			case scenario.Change:
				a.Change = sg.Changes{body.Change}
			}
			one.Do = append(one.Do, a)
		}
		k.Experiments = append(k.Experiments, one)
	}
	return k
}

func (k keptScenario) scenario(name string) (*scenario.Scenario, error) {
	sc := &scenario.Scenario{Name: name, Timeouts: sg.Nitro(), Account: &sg.Account{Groups: k.Groups, PrefixLists: k.PrefixLists}}
	for _, h := range k.Hosts {
		model, err := enforce.Parse(h.Model)
		if err != nil {
			return nil, err
		}
		sc.Hosts = append(sc.Hosts, scenario.Host{Name: h.Name, Address: h.Address, Groups: h.Groups, Model: model.Model})
	}
	for i, x := range k.Experiments {
		one := scenario.Experiment{Title: fmt.Sprint(i + 1), For: x.For}
		for _, a := range x.Do {
			switch {
			case a.Start != nil:
				one.Do = append(one.Do, *a.Start)
			case a.Stop != nil:
				one.Do = append(one.Do, *a.Stop)
			case a.Restart != nil:
				one.Do = append(one.Do, *a.Restart)
			case a.Cut != nil:
				one.Do = append(one.Do, *a.Cut)
			case a.Configure != nil:
				one.Do = append(one.Do, *a.Configure)
			}
			for _, c := range a.Change {
				one.Do = append(one.Do, scenario.Change{Change: c})
			}
		}
		sc.Experiments = append(sc.Experiments, one)
	}
	return sc, nil
}

// shrink removes from a scenario whatever it does not need to stay wrong, for at most that long.
func shrink(sc *scenario.Scenario, patience time.Duration, wrong func(*scenario.Scenario) bool) *scenario.Scenario {
	end := time.Now().Add(patience)
	for smaller := true; smaller; {
		smaller = false
		for _, candidate := range parts(sc) {
			if time.Now().After(end) {
				return sc
			}
			if wrong(candidate) {
				sc, smaller = candidate, true
				break
			}
		}
	}
	return sc
}

// parts returns a scenario with less, the smallest first: without some experiments, then without single
// actions, packets, rules and groups.
func parts(sc *scenario.Scenario) (list []*scenario.Scenario) {
	without := func(alter func(*scenario.Scenario)) {
		part := *sc
		part.Account = sc.Account.Clone()
		part.Experiments = slices.Clone(sc.Experiments)
		alter(&part)
		list = append(list, possible(&part))
	}
	for n := len(sc.Experiments) / 2; n > 0; n /= 2 {
		for i := 0; i+n <= len(sc.Experiments); i += n {
			without(func(p *scenario.Scenario) { p.Experiments = slices.Delete(p.Experiments, i, i+n) })
		}
	}
	for i, x := range sc.Experiments {
		for k := range x.Do {
			without(func(p *scenario.Scenario) { p.Experiments[i].Do = slices.Delete(slices.Clone(x.Do), k, k+1) })
		}
		if x.For > 1 {
			without(func(p *scenario.Scenario) { p.Experiments[i].For = 1 })
		}
	}
	for i, g := range sc.Account.Groups {
		if len(g.Ingress)+len(g.Egress) > 0 {
			without(func(p *scenario.Scenario) { p.Account.Groups[i] = &sg.Group{ID: g.ID} })
		}
		for k := range g.Ingress {
			without(func(p *scenario.Scenario) {
				p.Account.Groups[i].Ingress = slices.Delete(slices.Clone(g.Ingress), k, k+1)
			})
		}
	}
	return list
}

// possible returns a scenario without the actions that have become impossible.
func possible(sc *scenario.Scenario) *scenario.Scenario {
	account, running := sc.Policy(), map[string]bool{}
	for i, x := range sc.Experiments {
		sc.Experiments[i].Do = slices.DeleteFunc(slices.Clone(x.Do), func(action scenario.Action) bool {
			switch a := action.(type) {
			case scenario.Start:
				running[a.Stream] = true
			case scenario.Stop:
				was := running[a.Stream]
				running[a.Stream] = false
				return !was
			case scenario.Restart:
				was := running[a.Stream]
				running[a.Stream], running[a.As] = false, was
				return !was
			case scenario.Cut:
				return a.Stream != "" && !running[a.Stream]
			case scenario.Change:
				to, err := account.Apply(a.Change)
				if err == nil {
					account = to
				}
				return err != nil
			}
			return false
		})
	}
	return sc
}

// A quiet test is one that may fail.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Helper()               {}
func (q *quiet) Errorf(string, ...any) { q.failed = true }

// isWrong reports whether a sentence about a scenario is wrong, or memory differs from the kernel.
func isWrong(t *testing.T, sc *scenario.Scenario) (bool, error) {
	log := timeline.NewLog()
	if err := lab.Run(t.Context(), sc, lab.Options{Interval: randomInterval}, log); err != nil {
		return false, err
	}
	q, r := &quiet{TB: t}, report.Of(log.Events())
	explained(q, log.Events(), r)
	return q.failed || r.Missed == (report.Missed{}) && differing(t, sc, randomInterval, log.Events()) != "", nil
}

// staysWrong reports whether a scenario is wrong each time of three: what is wrong only once depends on
// when TCP sent again.
func staysWrong(t *testing.T, sc *scenario.Scenario) bool {
	t.Helper()
	for range 3 {
		wrong, err := isWrong(t, sc)
		if err != nil {
			t.Fatal(err)
		}
		if !wrong {
			return false
		}
	}
	return true
}

// save writes what is left of a wrong scenario where later runs try it again.
func save(t *testing.T, sc *scenario.Scenario) {
	t.Helper()
	small := shrink(sc, time.Minute, func(sc *scenario.Scenario) bool {
		wrong, err := isWrong(t, sc)
		return wrong && err == nil // without some actions, it may be impossible
	})
	text, err := json.MarshalIndent(keptOf(small), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", strings.ReplaceAll(sc.Name, " ", "-")+".json")
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("what is left of it when shrunk is kept in lab/course/%s", file)
}

// What was once wrong is right.
func TestKeptScenarios(t *testing.T) {
	nstest.Kernel(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var k keptScenario
			if err := json.Unmarshal(text, &k); err != nil {
				t.Fatal(err)
			}
			sc, err := k.scenario(filepath.Base(file))
			if err != nil {
				t.Fatal(err)
			}
			run(t, sc, randomInterval)
		})
	}
}

// A scenario shrinks to what makes it wrong, and is the same when it is read again.
func TestShrinkScenario(t *testing.T) {
	t.Parallel()
	refuses := func(sc *scenario.Scenario) bool {
		log := timeline.NewLog()
		if err := play.Run(t.Context(), sim.Target{Interval: randomInterval}, sc, log); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(report.Of(log.Events()).Streams, func(s report.Stream) bool { return s.Refused > 0 })
	}
	small := shrink(newImprovisation(1, true).series(4), time.Minute, refuses)
	if len(small.Experiments) != 1 || len(small.Experiments[0].Do) != 1 || small.Experiments[0].For != 1 {
		t.Errorf("it shrinks to %+v", small.Experiments)
	}
	text, err := json.Marshal(keptOf(small))
	if err != nil {
		t.Fatal(err)
	}
	var k keptScenario
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	again, err := k.scenario(small.Name)
	if err != nil {
		t.Fatal(err)
	}
	if !refuses(again) {
		t.Errorf("read again, it is another: %s", text)
	}
}
