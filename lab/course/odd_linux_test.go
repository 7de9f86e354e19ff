package course_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
)

// Cases that once went wrong, or that we were once wrong about.
func TestOddScenarios(t *testing.T) {
	nstest.Kernel(t)
	files, err := filepath.Glob("../testdata/odd/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		want := filepath.Base(filepath.Dir(file)) == "held"
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			sc, err := scenario.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, interval := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
				t.Log("at", interval)
				expect(t, run(t, sc, interval), want)
			}
		})
	}
}

// A sweep comes some time after the change: packets before it pass, and those after it do not.
func TestSweep(t *testing.T) {
	nstest.Kernel(t)
	sc, err := scenario.Load("../testdata/sweep.yaml")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, run(t, sc.Scaled(0.02), time.Millisecond), true)
}

// routed returns the names of the odd scenarios in which hosts forward.
func routed(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("../testdata/odd/held/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		if slices.ContainsFunc(odd(t, name).Hosts, func(h scenario.Host) bool { return h.Forwards }) {
			names = append(names, name)
		}
	}
	if len(names) < 6 {
		t.Fatalf("only %v", names)
	}
	return names
}

func odd(t *testing.T, name string) *scenario.Scenario {
	t.Helper()
	sc, err := scenario.Load("../testdata/odd/held/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// Where hosts forward, each expectation can fail: of the opposite of each part of each, none holds.
func TestOppositeOfWhatIsRouted(t *testing.T) {
	nstest.Kernel(t)
	for _, name := range routed(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := odd(t, name)
			tried := 0
			for i, x := range sc.Experiments {
				var opposite []scenario.Expectation
				for _, e := range x.Expect {
					opposite = append(opposite, oppositesOf(t, e)...)
				}
				sc.Experiments[i].Expect = opposite
				tried += len(opposite)
			}
			r := run(t, sc, 2*time.Millisecond)
			for _, x := range r.Experiments {
				for _, p := range x.Predictions {
					tried--
					if p.Held || !p.NotJudged.Empty() {
						t.Errorf("experiment %d, line %d, %s: %s held (not judged: %q): %s", x.Number, p.Line, p.Subject, p.Predicted, p.NotJudged, p.Observed)
					}
				}
			}
			if tried != 0 {
				t.Errorf("%d predictions are missing", tried)
			}
		})
	}
}

// oppositesOf returns an expectation for each part of e, which is false if that part holds.
func oppositesOf(t *testing.T, e scenario.Expectation) (list []scenario.Expectation) {
	t.Helper()
	add := func(part scenario.Expectation) {
		part.Place, part.Stream, part.Host = e.Place, e.Stream, e.Host
		list = append(list, part)
	}
	const other = "another-rule"
	if e.Outcome == scenario.Replied {
		add(scenario.Expectation{Outcome: scenario.Refused})
	} else if e.Outcome != "" {
		add(scenario.Expectation{Outcome: scenario.Replied})
	}
	if e.Received != nil {
		add(scenario.Expectation{Received: &scenario.Amount{}})
	}
	if e.Refused != nil {
		add(scenario.Expectation{Refused: &scenario.Amount{}})
	}
	if e.First > 0 {
		add(scenario.Expectation{First: e.First + 1})
	}
	if e.By != "" {
		add(scenario.Expectation{By: other})
	}
	if e.Tracked != nil {
		no := !*e.Tracked
		add(scenario.Expectation{Tracked: &no})
	}
	if e.Flow != "" {
		add(scenario.Expectation{Flow: e.Flow, Absent: !e.Absent})
	}
	if e.AdmittedBy != "" {
		add(scenario.Expectation{Flow: e.Flow, AdmittedBy: other, ReleasedBy: e.ReleasedBy})
	}
	if e.ReleasedBy != "" {
		add(scenario.Expectation{Flow: e.Flow, AdmittedBy: e.AdmittedBy, ReleasedBy: other})
	}
	if e.Hit != "" {
		add(scenario.Expectation{Never: e.Hit})
	}
	if e.Never != "" {
		add(scenario.Expectation{Hit: e.Never})
	}
	if len(list) == 0 {
		t.Fatalf("no opposite of %+v", e)
	}
	return list
}

// Scenarios in which hosts forward fail when something in them is changed, and at the right place.
func TestMutantsOfWhatIsRouted(t *testing.T) {
	nstest.Kernel(t)
	without := func(id string, d packet.Direction, rules ...string) func(*scenario.Scenario) {
		return func(sc *scenario.Scenario) {
			g := group(sc, id)
			gone := func(r sg.Rule) bool { return slices.Contains(rules, r.ID) }
			if d == packet.Ingress {
				g.Ingress = slices.DeleteFunc(g.Ingress, gone)
			} else {
				g.Egress = slices.DeleteFunc(g.Egress, gone)
			}
		}
	}
	host := func(n int, alter func(*scenario.Host)) func(*scenario.Scenario) {
		return func(sc *scenario.Scenario) { alter(&sc.Hosts[n]) }
	}
	stopsMasquerading := func(h *scenario.Host) { h.Masquerade = false }
	tried := map[string]bool{}
	for _, m := range []mutant{
		{"nat-in-one-network", "errors are not let in", without("nat", packet.Ingress, "errors"), 1, "host nat"},
		{"nat-in-one-network", "errors may not be sent on", func(sc *scenario.Scenario) { sc.Experiments[1].Do = sc.Experiments[1].Do[1:] }, 2, "stream query"},
		{"nat-in-one-network", "it does not masquerade", host(1, stopsMasquerading), 1, "host A"},
		{"nat-instance", "there is no outbound rule later", func(sc *scenario.Scenario) {
			sc.Experiments[1].Do, sc.Experiments[2].Do = nil, slices.Delete(sc.Experiments[2].Do, 1, 2)
		}, 2, "stream session"},
		{"nat-instance", "it does not masquerade", host(1, stopsMasquerading), 2, "stream session"},
		{"nat-instance", "nothing is revoked", func(sc *scenario.Scenario) { sc.Experiments[2].Do = sc.Experiments[2].Do[2:] }, 3, "stream late"},
		{"nat-instance", "no entry is deleted", skip(4), 4, "stream ping"},
		{"nat-instance-ipv6", "it does not masquerade", host(1, stopsMasquerading), 1, "stream session"},
		{"nat-instance-ipv6", "no entry is deleted", skip(3), 3, "stream ping"},
		{"router-ipv6", "there is no outbound rule", without("router", packet.Egress, "to-server"), 2, "stream ssh"},
		{"router-ipv6", "its check is on", host(1, func(h *scenario.Host) { h.Unchecked = false }), 1, "stream ssh"},
		{"source-dest-check", "the check is off", host(1, func(h *scenario.Host) { h.Unchecked = true }), 1, "stream through"},
		{"two-routers", "the NAT instance does not masquerade", host(1, stopsMasquerading), 1, "stream web"},
		{"two-routers", "there is no ACL", skip(2), 2, "stream ping"},
		{"two-routers", "no entry is deleted", skip(4), 4, "stream web"},
		{"two-ways", "the other router never lets replies pass", skip(2), 2, "stream web"},
		{"two-ways", "the other router's check is on", host(2, func(h *scenario.Host) { h.Unchecked = false }), 2, "stream web"},
	} {
		tried[m.scenario] = true
		t.Run(fmt.Sprintf("%s: %s", m.scenario, m.change), func(t *testing.T) {
			t.Parallel()
			sc := odd(t, m.scenario)
			m.alter(sc)
			r := run(t, sc, 2*time.Millisecond)
			expect(t, r, false)
			if first, want := firstFailure(r), fmt.Sprintf("experiment %d, %s", m.experiment, m.subject); first != want {
				t.Errorf("failed first in %s, want %s", first, want)
			}
		})
	}
	for _, name := range routed(t) {
		if !tried[name] {
			t.Errorf("scenario %s has no mutant", name)
		}
	}
}
