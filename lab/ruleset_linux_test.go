package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lablab/internal/claimtest"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// ownScenario returns a scenario of testdata/own, with other texts in place of some in the scenario or
// in its ruleset.
func ownScenario(t *testing.T, name string, replace ...string) *scenario.Scenario {
	t.Helper()
	nstest.Tool(t, "nft")
	directory := t.TempDir()
	for _, file := range []string{name + ".yaml", name + ".nft"} {
		text, err := os.ReadFile(filepath.Join("../testdata/own", file))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.NewReplacer(replace...).Replace(string(text))
		if err := os.WriteFile(filepath.Join(directory, file), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sc, err := scenario.Load(filepath.Join(directory, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// explained runs a scenario, and checks what its explanation claims.
func explained(t *testing.T, sc *scenario.Scenario) *report.Report {
	t.Helper()
	nstest.Kernel(t)
	log := timeline.NewLog()
	if err := Run(t.Context(), sc, Options{Interval: 2 * time.Millisecond}, log); err != nil {
		t.Fatal(err)
	}
	if err := timeline.Check(log.Events()); err != nil {
		t.Error(err)
	}
	r := report.Of(log.Events())
	claimtest.Check(t, log.Events(), r)
	claimtest.CheckOrder(t, log.Events())
	return r
}

// The examples of the documentation hold, and each notices when its ruleset is wrong.
func TestOwnRulesets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, replace, by string
		holds             bool
	}{
		{name: "nat-gateway", holds: true},
		{name: "nat-gateway", replace: `oifname "eth1" masquerade`, by: `oifname "eth2" masquerade`, holds: true}, // replies find their way all the same, but not from outside
		{name: "nat-gateway", replace: "policy drop", by: "policy accept"},
		{name: "default-deny", holds: true},
		{name: "default-deny", replace: "10.1.0.0/16 counter accept", by: "10.9.0.0/16 counter accept"},
		{name: "default-deny", replace: "reject with tcp reset", by: "drop"},
		{name: "default-deny", replace: "reject with tcp reset", by: "reject with icmpx type admin-prohibited", holds: true},
		{name: "port-forward", holds: true},
		{name: "port-forward", replace: "10.2.0.2:80", by: "10.2.0.2:81"},
		{name: "port-forward", replace: "ct status dnat accept", by: "accept"},
	} {
		t.Run(c.name+" "+c.by, func(t *testing.T) {
			t.Parallel()
			var replace []string
			if c.replace != "" {
				replace = []string{c.replace, c.by}
			}
			r := explained(t, ownScenario(t, c.name, replace...))
			if r.Held != c.holds {
				t.Errorf("held %v: %+v", r.Held, r.Experiments)
			}
			if c.name == "nat-gateway" && masked(r) == strings.Contains(c.by, "eth2") {
				t.Errorf("the source is replaced: %v", masked(r))
			}
		})
	}
}

// masked reports whether an explanation says that the gateway replaced a source.
func masked(r *report.Report) bool {
	return slices.ContainsFunc(r.Why, func(p report.Paragraph) bool {
		return slices.ContainsFunc(p.Sentences, func(s say.Sentence) bool { return strings.Contains(s.String(), "replaced the source") })
	})
}

// A ruleset that nft(8) rejects is reported with its place, and so are rules that it does not have.
func TestOwnRulesetProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, replace, by, want string }{
		{"port-forward", "dnat to 10.2.0.2:80", "dnat too 10.2.0.2:80", "port-forward.nft:5:35: nft: syntax error, unexpected colon"},
		{"port-forward", "hit: published", "hit: publisht", `port-forward.yaml:17:12: host gw has no rule publisht: did you mean "published"?`},
		{"port-forward", "by: filter/forward#policy", "by: filter/forward#3000", "port-forward.yaml:23:7: no host has a rule filter/forward#3000"},
		{"default-deny", "jump web", "jump wep", "default-deny.nft:12:30: nft: Could not process rule: No such file or directory"},
		{"default-deny", "# A gateway", "include \"missing.nft\"\n# A gateway", "default-deny.nft:1:1: nft: File not found: missing.nft"},
		{"default-deny", "table inet filter", "table inet lablab", "table inet lablab is lablab's own: choose another name"},
	} {
		t.Run(c.by, func(t *testing.T) {
			t.Parallel()
			sc := ownScenario(t, c.name, c.replace, c.by)
			err := CheckRulesets(t.Context(), sc)
			if err == nil {
				t.Fatal("nothing is wrong")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

// A ruleset may include others, from its own directory.
func TestOwnRulesetIncludes(t *testing.T) {
	t.Parallel()
	sc := ownScenario(t, "port-forward", "table ip nat", "include \"rest.nft\"\ntable ip nat")
	rest := filepath.Join(filepath.Dir(sc.File), "rest.nft")
	if err := os.WriteFile(rest, []byte("table ip6 rest { chain c { comment \"x\"; }; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := build(t, sc)
	if tables := nstest.Output(t, l.hosts[1].ns, "nft", "list", "tables"); !strings.Contains(tables, "table ip6 rest") {
		t.Error(tables)
	}
}

// Without nft(8) the lab is not built, and the error says what to install.
func TestLoaderIsMissing(t *testing.T) {
	t.Parallel()
	_, err := findLoader(t.TempDir())
	var unable *Unable
	if !errors.As(err, &unable) || unable.Hint.Empty() {
		t.Errorf("%v", err)
	}
}

// A program of the scenario may change the ruleset, even all of it: what then decides is named right.
func TestOwnRulesetChanges(t *testing.T) {
	t.Parallel()
	sc := ownScenario(t, "default-deny")
	sc.Experiments = sc.Experiments[:2]
	exchange := `flush ruleset; table inet t { chain c { type filter hook forward priority 0; policy drop; ct state established,related drop comment "cut"; }; }`
	sc.Experiments[1].Do = []scenario.Action{scenario.Exec{Host: "gw", Command: []string{"nft", exchange}}}
	sc.Experiments[1].Expect = []scenario.Expectation{{Stream: "https", Outcome: scenario.Stalled, By: "cut"}}
	r := explained(t, sc)
	if !r.Held {
		t.Errorf("%+v\n%v", r.Experiments[1], r.Why)
	}
}

// Marks that a ruleset of its own gives to entries are not lablab's.
func TestMarksOfOwnRulesets(t *testing.T) {
	t.Parallel()
	sc := ownScenario(t, "port-forward", `ct status dnat accept`, `ct mark set 1 ct status dnat accept`)
	r := explained(t, sc)
	for _, f := range r.Flows {
		if f.Host == "gw" && (f.AdmittingNumber != 0 || f.AdmittedBy == nil || *f.AdmittedBy != "published") {
			t.Errorf("%+v", f.Entry)
		}
	}
	if !slices.ContainsFunc(r.Flows, func(f report.Flow) bool { return f.Host == "gw" }) {
		t.Error("no entry at gw")
	}
	for _, s := range r.Streams {
		for _, v := range s.Verdicts {
			if v.Host == "gw" && v.Kind != packet.ByRuleset {
				t.Errorf("%+v", v)
			}
		}
	}
}

// The loading of a ruleset that never ends can be interrupted.
func TestOwnRulesetThatNeverEnds(t *testing.T) {
	t.Parallel()
	sets := "define set0 = { 192.0.2.1 }\n"
	for i := range 12 { // each has ten times as many elements as the one before
		sets += fmt.Sprintf("define set%d = { %s }\n", i+1, strings.Join(slices.Repeat([]string{fmt.Sprintf("$set%d", i)}, 10), ", "))
	}
	sc := ownScenario(t, "port-forward", "table ip nat {", sets+"table ip nat {\nchain endless { ip saddr $set12 accept; }")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := CheckRulesets(ctx, sc); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// The ends of streams may have rulesets, also for IPv6, and then no groups are needed.
func TestOwnRulesetsAtBothEnds(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "nft")
	directory := t.TempDir()
	for name, text := range map[string]string{
		"client.nft": `table inet t {
			chain out { type filter hook output priority filter; udp dport 53 drop comment "no dns"; tcp dport 25 reject comment "no mail"; }
			chain in { type filter hook input priority filter; policy drop; ct state established,related accept; }
		}`,
		"server.nft": `table inet t {
			chain in {
				type filter hook input priority filter; policy drop;
				ct state established,related accept comment "known"
				meta l4proto ipv6-icmp accept comment "six"
				udp dport 7 accept comment "echo"
				udp dport 9 reject comment "discard"
				tcp dport 80 accept comment "web"
			}
		}`,
		"ends.yaml": `name: ends
title: Both ends have rulesets
hosts:
  A: { address: "fd00:1::1/64", ruleset: server.nft }
  B: { address: "fd00:1::2/64", ruleset: client.nft }
experiments:
  - title: six streams
    do:
      - { udp: A, port: 7, from: B, as: echo }
      - { udp: A, port: 53, from: B, as: dns }
      - { tcp: A, port: 25, from: B, as: mail }
      - { udp: A, port: 9, from: B, as: discard }
      - { tcp: A, port: 80, from: B, as: web }
      - { ping: A, from: B, as: ping }
    for: 4
    expect:
      echo: { replied: all, by: echo }
      dns: { refused: all, by: no dns }
      mail: { refused: all, by: no mail }
      discard: { reset: all, by: discard }
      web: { replied: all, by: web }
      ping: { replied: all, by: six }
      A: [{ flow: web, admitted_by: web }, { hit: echo }, { never: t/in#policy }]
      B: { flow: web, admitted_by: t/out#policy }
`,
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sc, err := scenario.Load(filepath.Join(directory, "ends.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRulesets(t.Context(), sc); err != nil {
		t.Fatal(err)
	}
	if r := explained(t, sc); !r.Held {
		t.Errorf("%+v", r.Experiments[0].Predictions)
	}
}
