package play

import (
	"net/netip"
	"testing"

	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// authorized returns the rules that events authorize, with whether the group had them before.
func authorized(log *timeline.Log) map[string]bool {
	rules := map[string]bool{}
	for _, e := range log.Events() {
		if a, is := e.Body.(timeline.RuleAuthorized); is {
			rules[a.ID] = a.Existing
		}
	}
	return rules
}

// A rejected policy uses up its numbers: a packet may have met its rules before they were taken back.
func TestNumbersAreNotGivenTwice(t *testing.T) {
	rule := func(id string, port int) sg.Change {
		return sg.Authorize{Group: "lab", Direction: packet.Ingress, Rules: []sg.Rule{{ID: id, Protocol: packet.TCP, From: port, To: port, Peer: netip.MustParsePrefix("10.0.0.0/8")}}}
	}
	first := PolicyOf(scenario.FourExperiments())
	failed, _, err := first.Apply(rule("failed", 80))
	if err != nil {
		t.Fatal(err)
	}
	next, _, err := first.Rejected(failed).Apply(rule("next", 81))
	if err != nil {
		t.Fatal(err)
	}
	if was, now := failed.Number("lab", "failed"), next.Number("lab", "next"); was == 0 || now == was {
		t.Errorf("both rules are number %d", now)
	}
	if next.Number("lab", "failed") != 0 {
		t.Error("a rejected rule has a number")
	}
}

// The rules of a group are recorded once a host has it, and it is recorded whether they are new.
func TestRulesThatAGroupHadBefore(t *testing.T) {
	sc := scenario.FourExperiments()
	later := &sg.Group{ID: "later", Ingress: []sg.Rule{{ID: "old", Protocol: packet.All, From: sg.Any, To: sg.Any}}}
	sc.Account.Groups = append(sc.Account.Groups, later)
	log := timeline.NewLog()
	recorder, p := NewRecorder(log), PolicyOf(sc)
	recorder.Begin(p)
	if rules := authorized(log); len(rules) == 0 || rules["icmp"] {
		t.Errorf("at the beginning: %v", rules)
	}
	next, delta, err := p.Apply(sg.Attach{Interface: "A", Groups: []string{"lab", "later"}})
	if err != nil {
		t.Fatal(err)
	}
	recorder.Record(p, next, delta)
	if existed, recorded := authorized(log)["old"]; !recorded || !existed {
		t.Errorf("rule old: recorded %v, existing %v", recorded, existed)
	}
}
