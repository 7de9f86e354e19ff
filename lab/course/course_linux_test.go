// Package course_test runs the course, and scenarios that once went wrong.
package course_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/internal/claimtest"
	"lablab/internal/modeltest"
	"lablab/internal/nstest"
	"lablab/lab"
	"lablab/packet"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// run runs a scenario on this kernel, and compares that with what memory shows.
func run(t *testing.T, sc *scenario.Scenario, interval time.Duration) *report.Report {
	t.Helper()
	log := timeline.NewLog()
	if err := lab.Run(t.Context(), sc, lab.Options{Interval: interval}, log); err != nil {
		t.Fatal(err)
	}
	r := report.Of(log.Events())
	explained(t, log.Events(), r)
	if r.Missed == (report.Missed{}) {
		compare(t, sc, interval, log.Events())
	}
	return r
}

// explained fails the test if the events contradict each other, or what a report says of them.
func explained(t testing.TB, events []timeline.Event, r *report.Report) {
	t.Helper()
	if err := timeline.Check(events); err != nil {
		t.Errorf("check timeline: %v", err)
	}
	claimtest.Check(t, events, r)
	claimtest.CheckOrder(t, events)
}

// expect fails the test, and prints the report, unless the run held or not as wanted and no
// evidence was lost.
func expect(t *testing.T, r *report.Report, held bool) {
	t.Helper()
	if r.Held != held || r.Missed != (report.Missed{}) {
		t.Errorf("held %v, want %v; missed %+v", r.Held, held, r.Missed)
		_ = render.NewText(os.Stderr, 120, nil).All(r)
	}
}

// Every scenario of the course holds, and no evidence is lost.
func TestCourse(t *testing.T) {
	nstest.Kernel(t)
	for _, name := range scenario.Builtins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, _ := scenario.Builtin(name)
			r := run(t, sc, 10*time.Millisecond)
			expect(t, r, true)
			if r.Question == "" || r.Why[len(r.Why)-1].Subject.String() != "In short" {
				t.Error("it asks nothing, or teaches nothing")
			}
			machinesReadEnglish(t, r)
		})
	}
}

// machinesReadEnglish fails if machine-readable output depends on the user's language.
func machinesReadEnglish(t *testing.T, r *report.Report) {
	t.Helper()
	ja, err := say.Speak("ja")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"json", "junit", "tap"} {
		var english, japanese bytes.Buffer
		for b, l := range map[*bytes.Buffer]*say.Language{&english: nil, &japanese: ja} {
			if err := (render.Runs{Results: []render.Result{{Report: r}}, Language: l}).Write(b, format); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(english.String(), japanese.String()); diff != "" {
			t.Errorf("%s in English (-), for a Japanese reader (+):\n%s", format, diff)
		}
		if strings.ContainsFunc(english.String(), func(c rune) bool { return unicode.In(c, unicode.Hiragana, unicode.Katakana, unicode.Han) }) {
			t.Errorf("%s has Japanese in it", format)
		}
	}
}

// The kernel does under each model what was measured by hand.
func TestModels(t *testing.T) {
	nstest.Kernel(t)
	modeltest.Compare(t, "../../docs/models.md", lab.Target{Options: lab.Options{Interval: 2 * time.Millisecond}})
}

// So does what the kernel reports.
func TestEvidence(t *testing.T) {
	nstest.Kernel(t)
	modeltest.Evidence(t, lab.Target{Options: lab.Options{Interval: time.Millisecond}})
}

// A mutant is a scenario of the course with one change, which must make the given prediction of the
// given experiment fail.
type mutant struct {
	scenario, change string
	alter            func(*scenario.Scenario)
	experiment       int
	subject          string
}

// group returns the group of a scenario with that id.
func group(sc *scenario.Scenario, id string) *sg.Group { return sc.Account.Group(id) }

// skip removes the actions of an experiment.
func skip(experiment int) func(*scenario.Scenario) {
	return func(sc *scenario.Scenario) { sc.Experiments[experiment-1].Do = nil }
}

// peer gives an inbound rule another peer.
func peer(id, rule, cidr string) func(*scenario.Scenario) {
	return func(sc *scenario.Scenario) {
		g := group(sc, id)
		for i := range g.Ingress {
			if g.Ingress[i].ID == rule {
				g.Ingress[i].Peer = netip.MustParsePrefix(cidr)
			}
		}
	}
}

func mutants() []mutant {
	return []mutant{
		{"ping", "the rule is not revoked", func(sc *scenario.Scenario) { skip(2)(sc); skip(4)(sc) }, 3, "stream 2"},
		{"ping", "the rule does not come back", skip(4), 4, "stream 2"},
		{"ping", "the rule is about another network", peer("lab", "icmp", "10.254.0.0/16"), 1, "stream 1"},
		{"ping", "the wrong thing is expected", func(sc *scenario.Scenario) { sc.Experiments[2].Expect[0].Outcome = scenario.Refused }, 3, "stream 1"},
		{"restart", "it starts again with the same id", func(sc *scenario.Scenario) {
			sc.Experiments[2].Do = []scenario.Action{scenario.Restart{Stream: "1", As: "2", Same: true}}
		}, 3, "stream 2"},
		{"port-reuse", "the rules stay", func(sc *scenario.Scenario) { sc.Experiments[1].Do = sc.Experiments[1].Do[1:] }, 2, "stream page-2"},
		{"port-reuse", "the query comes from another port", func(sc *scenario.Scenario) {
			sc.Experiments[1].Do[1] = scenario.Restart{Stream: "query", As: "query-2"}
		}, 2, "stream query-2"},
		{"idle", "nobody waits", skip(4), 4, "stream 1"},
		{"dropped", "the rule is not authorized", func(sc *scenario.Scenario) { sc.Experiments[1].Do = nil; sc.Experiments[2].Do = nil }, 2, "stream 1"},
		{"egress", "the group lets something out", func(sc *scenario.Scenario) {
			group(sc, "silent").Egress = []sg.Rule{{ID: "leak", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
		}, 2, "stream 2"},
		{"cut", "the entry is not deleted", skip(3), 3, "stream ping"},
		{"cut", "connections are not taken up in the middle", func(sc *scenario.Scenario) { sc.Experiments[5].Do = sc.Experiments[5].Do[1:] }, 6, "stream ssh"},
		{"download", "the entries are not deleted", skip(3), 3, "stream ping"},
		{"download", "the server only answers", func(sc *scenario.Scenario) {
			start := sc.Experiments[0].Do[0].(scenario.Start)
			start.Push = false
			sc.Experiments[0].Do[0] = start
		}, 3, "stream download"},
		{"tombstone", "the rules stay", func(sc *scenario.Scenario) {
			sc.Experiments[1].Do = sc.Experiments[1].Do[:1]
			sc.Experiments[2].Do = sc.Experiments[2].Do[:1]
		}, 2, "stream talk"},
		{"tombstone", "the rules do not come back", func(sc *scenario.Scenario) { sc.Experiments[2].Do = sc.Experiments[2].Do[:1] }, 3, "stream talk"},
		{"tombstone", "a dropped request stops no replies", func(sc *scenario.Scenario) {
			for i := range sc.Hosts {
				sc.Hosts[i].Model, _ = enforce.With(sc.Hosts[i].Model, "tombstone", "false")
			}
		}, 3, "stream download"},
		{"tombstone", "B sends the download's messages", func(sc *scenario.Scenario) {
			download := sc.Experiments[0].Do[1].(scenario.Start)
			download.Push = false
			sc.Experiments[0].Do[1] = download
		}, 3, "stream download"},
		{"download", "connections are taken up in the middle", func(sc *scenario.Scenario) { sc.Experiments[3].Do = sc.Experiments[3].Do[1:] }, 4, "host A"},
		{"acl", "the ACL lets replies out from the beginning", func(sc *scenario.Scenario) { sc.Experiments[1].Do = sc.Experiments[2].Do }, 2, "stream 1"},
		{"ssh-from-office", "the rule is open to the world", peer("server", "ssh", "0.0.0.0/0"), 1, "stream session"},
		{"ssh-from-world", "the rule is narrow", peer("server", "ssh", "10.255.1.10/32"), 1, "stream session"},
		{"ssh-from-world", "nothing may go out", func(sc *scenario.Scenario) { group(sc, "server").Egress = nil }, 1, "stream session"},
		{"udp", "it comes from another port", func(sc *scenario.Scenario) {
			sc.Experiments[3].Do = []scenario.Action{scenario.Restart{Stream: "first", As: "third"}}
		}, 4, "stream third"},
		{"reference", "nobody leaves", skip(2), 2, "stream stranger"},
		{"swap", "the groups stay", skip(2), 3, "stream in-again"},
		{"quarantine", "the step between is left out", skip(3), 3, "stream ssh"},
		{"order", "the rule is narrow and so tracked", peer("server", "dns", "10.0.0.0/8"), 1, "stream queries"},
		{"ipv6", "it is open to the world of IPv6 too", func(sc *scenario.Scenario) {
			g := group(sc, "server")
			g.Ingress = append(g.Ingress, sg.Rule{ID: "six", Protocol: packet.TCP, From: 20, To: 25, Peer: netip.MustParsePrefix("::/0")})
		}, 1, "stream ssh"},
		{"nat", "it has an outbound rule from the beginning", func(sc *scenario.Scenario) {
			group(sc, "nat").Egress = []sg.Rule{{ID: "early", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
		}, 1, "stream first"},
		{"nat", "it gets no outbound rule", skip(2), 2, "stream first"},
		{"nat", "its source/destination check is on", func(sc *scenario.Scenario) { sc.Hosts[1].Unchecked = false }, 1, "stream first"},
		{"nat", "its inbound rule is not revoked", func(sc *scenario.Scenario) { sc.Experiments[2].Do = sc.Experiments[2].Do[1:] }, 3, "stream second"},
		{"nat", "it does not masquerade", func(sc *scenario.Scenario) { sc.Hosts[1].Masquerade = false }, 2, "stream first"},
		{"nat-gateway", "neither has keepalive", func(sc *scenario.Scenario) {
			start := sc.Experiments[0].Do[1].(scenario.Start)
			start.Keepalive = 0
			sc.Experiments[0].Do[1] = start
		}, 2, "stream kept"},
		{"nat-gateway", "the silence is shorter", func(sc *scenario.Scenario) {
			sc.Experiments[1].Do = []scenario.Action{scenario.Wait{For: 20 * time.Second}}
		}, 2, "stream plain"},
		{"nat-gateway", "it is a NAT instance", func(sc *scenario.Scenario) { sc.Hosts[1].Resets = false }, 2, "stream plain"},
		{"poisoning", "the packet is not sent", skip(2), 2, "stream unasked"},
		{"poisoning", "the packet is from another port", func(sc *scenario.Scenario) {
			forge := sc.Experiments[1].Do[0].(scenario.Forge)
			forge.SourcePort++
			sc.Experiments[1].Do[0] = forge
		}, 2, "stream unasked"},
		{"poisoning", "the gateway lets nothing out", func(sc *scenario.Scenario) { group(sc, "gateway").Egress = nil }, 2, "stream unasked"},
		{"related", "errors pass by themselves", func(sc *scenario.Scenario) { sc.Related = "all" }, 1, "stream query"},
		{"related", "somebody listens", func(sc *scenario.Scenario) {
			start := sc.Experiments[0].Do[0].(scenario.Start)
			start.Unserved = false
			sc.Experiments[0].Do[0] = start
		}, 1, "stream query"},
	}
}

// Each scenario fails when something in it is changed, and at the right place.
func TestCourseMutants(t *testing.T) {
	nstest.Kernel(t)
	tried := map[string]bool{}
	for _, m := range mutants() {
		tried[m.scenario] = true
		t.Run(fmt.Sprintf("%s: %s", m.scenario, m.change), func(t *testing.T) {
			t.Parallel()
			sc, found := scenario.Builtin(m.scenario)
			if !found {
				t.Fatal("no such scenario")
			}
			m.alter(sc)
			r := run(t, sc, 5*time.Millisecond)
			expect(t, r, false)
			first := firstFailure(r)
			if want := fmt.Sprintf("experiment %d, %s", m.experiment, m.subject); first != want {
				t.Errorf("failed first in %s, want %s", first, want)
			}
		})
	}
	for _, name := range scenario.Builtins() {
		if !tried[name] {
			t.Errorf("scenario %s has no mutant", name)
		}
	}
}

func firstFailure(r *report.Report) string {
	for _, x := range r.Experiments {
		for _, p := range x.Predictions {
			if !p.Held {
				return fmt.Sprintf("experiment %d, %s", x.Number, p.Subject)
			}
		}
	}
	return "nothing"
}
