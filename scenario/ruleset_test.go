package scenario

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/say"
)

const withRuleset = `name: own
title: A host with its own ruleset
hosts:
  client: { address: 10.1.0.2/16, groups: [open], routes: [{ to: default, via: gw }] }
  gw: { address: [10.1.0.1/16, 10.2.0.1/16], forwards: true, ruleset: gw.nft }
  web: { address: 10.2.0.2/16, groups: [open], routes: [{ to: default, via: gw }] }
groups:
  open: { ingress: [{ protocol: all, cidr: 0.0.0.0/0 }], egress: [{ protocol: all, cidr: 0.0.0.0/0 }] }
experiments:
  - title: a published port
    do: [{ tcp: web, port: 80, published: "gw:8080", from: client, as: "1" }]
    for: 3
    expect: { "1": { by: allow web }, gw: [{ hit: allow web }, { never: filter/forward#7 }, { flow: "1", admitted_by: "allow web" }] }
`

// opened opens one file, whose path it checks.
func opened(t *testing.T) Opener {
	return func(path string) (io.ReadCloser, error) {
		if path != "dir/gw.nft" {
			t.Errorf("opens %s", path)
		}
		return io.NopCloser(strings.NewReader("table inet filter {}\n")), nil
	}
}

// A host with a ruleset has its text, and its rules are not known before the kernel has them.
func TestRuleset(t *testing.T) {
	sc, err := Read("dir/own.yaml", []byte(withRuleset), opened(t))
	if err != nil {
		t.Fatal(err)
	}
	want := &Ruleset{Place: Place{5, 71}, File: "dir/gw.nft", Text: "table inet filter {}\n"}
	if diff := cmp.Diff(want, sc.Hosts[1].Ruleset); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	start := sc.Experiments[0].Do[0].(Start)
	if host, port := start.Address(); host != "gw" || port != 8080 || start.To != "web" || start.Port != 80 {
		t.Errorf("the stream is %+v", start)
	}
	var rules []string
	for _, e := range sc.Experiments[0].Expect {
		rules = append(rules, e.By+e.Hit+e.Never+e.AdmittedBy)
	}
	if want := []string{"allow web", "allow web", "filter/forward#7", "allow web"}; !slices.Equal(rules, want) {
		t.Errorf("rules %q, want %q", rules, want)
	}
	if _, err := Read("dir/own.yaml", []byte(withRuleset), nil); err == nil {
		t.Error("a file was read although none may be")
	}
}

// A scenario without groups needs none.
func TestRulesetsOnly(t *testing.T) {
	text := strings.NewReplacer("groups: [open]", "ruleset: gw.nft").Replace(withRuleset)
	before, after, _ := strings.Cut(text, "groups:\n")
	_, after, _ = strings.Cut(after, "\n")
	if _, err := Read("dir/own.yaml", []byte(before+after), opened(t)); err != nil {
		t.Error(err)
	}
}

// What a host with a ruleset cannot have, and what needs such a host, is reported with its place.
func TestRulesetProblems(t *testing.T) {
	for _, c := range []struct{ replace, by, want string }{
		{"ruleset: gw.nft", "ruleset: gw.nft, groups: [open]", "5:88: gw has a ruleset of its own, which leaves no room for groups"},
		{"ruleset: gw.nft", "ruleset: gw.nft, model: keep", "5:86: gw has a ruleset of its own, which leaves no room for model"},
		{"ruleset: gw.nft", "ruleset: gw.nft, nat: masquerade", "5:84: gw has a ruleset of its own, which leaves no room for nat"},
		{"ruleset: gw.nft", "ruleset: gw.nft, source_dest_check: false", "5:98: gw has a ruleset of its own, which leaves no room for source_dest_check"},
		{"ruleset: gw.nft", "ruleset: gw.nft, always_tracked: true", "5:95: gw has a ruleset of its own, which leaves no room for always_tracked"},
		{"for: 3", "for: 3 # ", ""},
		{`[{ tcp`, `[{ groups: [], of: gw }, { tcp`, "11:28: gw has a ruleset of its own: lablab does not change it"},
		{`[{ tcp`, `[{ acl: off, on: gw }, { tcp`, "11:26: gw has a ruleset of its own: lablab does not change it"},
		{`"gw:8080"`, `"web:8080"`, "11:43: web has no ruleset that could publish a port: give it a ruleset"},
		{`"gw:8080"`, `"gw"`, `11:43: "gw" is not a host with a port, such as gw:8080`},
		{`"gw:8080"`, `"gwx:8080"`, `11:43: unknown host gwx: did you mean "gw"?`},
		{"forwards: true, ", "", "11:10: client reaches web through gw, which does not forward: add forwards: true to gw"},
		{`flow: "1", `, `flow: "1", released_by: x, `, "13:119: gw has a ruleset of its own: released_by is for groups"},
	} {
		if !strings.Contains(withRuleset, c.replace) {
			t.Fatal(c.replace)
		}
		_, err := Read("dir/own.yaml", []byte(strings.Replace(withRuleset, c.replace, c.by, 1)), opened(t))
		got := ""
		if err != nil {
			got, _, _ = strings.Cut(ProblemsOf(err)[0].List[0].In((*say.Language)(nil)), "\n")
			got = strings.TrimPrefix(got, "dir/own.yaml:")
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.by, got, c.want)
		}
	}
}
