package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lablab/enforce"
)

// Hosts have the scenario's model or their own, and each model has its own predictions.
func TestModels(t *testing.T) {
	sc, err := Load("testdata/valid/models.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		model, hosts string
		want         []string
	}{
		{"aws", "aws keep request-tombstone", []string{"1 replied", "2 refused", "2 by default-deny", "A 1 false"}},
		{"aws-by-packet", "aws-by-packet keep request-tombstone", []string{"1 replied", "2 refused", "2 by default-deny", "A 1 false"}},
		{"cut", "cut keep request-tombstone", []string{"1 refused", "2 refused", "2 by default-deny", "A 1 true"}},
		{"cut-inbound", "cut-inbound keep request-tombstone", []string{"1 refused", "2 refused", "2 by default-deny", "A 1 true"}},
		{"cut-all-strict", "cut-all-strict keep request-tombstone", []string{"1 refused by default-deny", "2 refused", "2 by default-deny", "A 1 true"}},
		{"request-tombstone", "request-tombstone keep request-tombstone", []string{"1 3", "2 refused", "2 by tombstone"}},
		{"tied", "tied keep request-tombstone", []string{"1 3", "2 refused", "2 by default-deny"}},
	} {
		c, err := enforce.Parse(test.model)
		if err != nil {
			t.Fatal(err)
		}
		under, err := sc.Under(c)
		if err != nil {
			t.Fatal(err)
		}
		var hosts, got []string
		for _, h := range under.Hosts {
			hosts = append(hosts, enforce.Notation(h.Enforcement()))
		}
		for _, x := range under.Experiments[0].Expect {
			text := x.Stream + x.Host + " " + string(x.Outcome) + x.Flow
			switch {
			case x.Received != nil:
				text += fmt.Sprint(x.Received.Min)
			case x.By != "":
				text = strings.TrimSpace(text) + " by " + x.By
			case x.Host != "":
				text += fmt.Sprintf(" %v", x.Absent)
			}
			got = append(got, text)
		}
		if strings.Join(hosts, " ") != test.hosts || !slices.Equal(got, test.want) {
			t.Errorf("%s: hosts %v, predictions %q", test.model, hosts, got)
		}
	}
	if first, _ := sc.Under(sc.Model()); len(sc.Models) != 5 || !slices.EqualFunc(first.Experiments[0].Expect, sc.Experiments[0].Expect, func(a, b Expectation) bool { return a.Place == b.Place && a.Outcome == b.Outcome }) {
		t.Errorf("models %v; the first is not what the scenario predicts", sc.Models)
	}
}

// A scenario cannot run under a model that one of its hosts cannot have.
func TestNotUnder(t *testing.T) {
	for _, test := range []struct{ scenario, model, want string }{
		{"nat", "tied", "nat forwards packets, which model tied cannot"},
		{"nat", "keep", ""},
		{"acl", "stateless", "A cannot have a network ACL: model stateless is one itself"},
		{"acl", "request", ""},
		{"ping", "stateless", ""},
	} {
		sc, _ := Builtin(test.scenario)
		c, _ := enforce.Parse(test.model)
		_, err := sc.Under(c)
		if got := fmt.Sprint(err); got != test.want && (test.want != "" || err != nil) {
			t.Errorf("%s under %s: %v, want %q", test.scenario, test.model, err, test.want)
		}
	}
}
