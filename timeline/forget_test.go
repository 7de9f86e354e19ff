package timeline

import (
	"fmt"
	"slices"
	"testing"

	"lablab/flow"
	"lablab/sg"
)

// A log that forgets still describes the lab: its rules, groups, streams and live entries, and no
// others.
func TestWhatIsRemembered(t *testing.T) {
	entry := func(id uint32, change flow.Change) EntryChanged {
		return EntryChanged{Host: "A", Change: change, Entry: flow.Entry{ID: id}}
	}
	rule := func(number uint32) Rule {
		return Rule{Number: number, Group: "lab", Rule: sg.Rule{ID: fmt.Sprint(number)}}
	}
	log := NewLog()
	log.Keep(100)
	for _, body := range []Body{
		Begun{Scenario: "ping"}, RuleAuthorized{Rule: rule(1)}, RuleAuthorized{Rule: rule(2)}, CanaryDropped{Host: "A"}, Ready{},
		PrefixListChanged{ModifyPrefixList: sg.ModifyPrefixList{PrefixList: "office"}}, PrefixListChanged{ModifyPrefixList: sg.ModifyPrefixList{PrefixList: "office"}},
		GroupsChanged{Host: "A", Groups: []string{"x"}}, GroupsChanged{Host: "A", Groups: []string{"y"}},
		ACLChanged{Host: "A", ACL: &sg.ACL{}}, StreamStarted{Stream: "1"}, StreamStarted{Stream: "2"}, StreamStopped{Stream: "1", Error: "broken"},
		entry(1, flow.New), entry(2, flow.New), entry(2, flow.Update), entry(2, flow.Update), entry(1, flow.Destroy), RuleRevoked{rule(1)},
	} {
		log.Append(body)
	}
	for i := range 1000 {
		log.Append(Sent{Stream: "2", Seq: i})
	}
	var got []string
	for _, e := range log.Events() {
		switch body := e.Body.(type) {
		case Sent:
		case EntryChanged:
			got = append(got, fmt.Sprint(e.Seq, " ", body.Entry.ID, body.Change))
		default:
			got = append(got, fmt.Sprint(e.Seq, " ", body.kind()))
		}
	}
	want := []string{
		"1 begun", "2 rule_authorized", "3 rule_authorized", "4 canary_dropped", "5 ready", "7 prefix_list_changed",
		"9 groups_changed", "10 acl_changed", "12 stream_started", "15 2new", "17 2update", "19 rule_revoked",
	}
	if !slices.Equal(got, want) {
		t.Errorf("remembered:\n%q\nwant:\n%q", got, want)
	}
	for after, has := range map[uint64]bool{0: false, 20: false, log.Last(): true, log.Last() - 50: true, log.Last() + 7: true} {
		if log.Has(after) != has {
			t.Errorf("Has(%d) is %t", after, !has)
		}
	}
}

// What was lost is counted from the beginning, however much is forgotten: what is kept, the event
// since when entries may be unknown and the last one, says the same as the whole.
func TestLossesAreNotForgotten(t *testing.T) {
	whole, short := NewLog(), NewLog()
	short.Keep(100)
	total := map[string]int{}
	most := 0
	for i := range 5000 {
		host := []string{"A", "B"}[i/7%2]
		what := []Evidence{MissedVerdicts, MissedEvents}[i/3%2]
		var body Body = Sent{Stream: "1", Seq: i}
		if i%100 == 50 {
			total[host+string(what)] += i
			body = Missed{Host: host, What: what, Count: i, Total: total[host+string(what)]}
		}
		whole.Append(body)
		short.Append(body)
		for _, what := range []Evidence{MissedVerdicts, MissedEvents} {
			if want, got := lossesOf(whole).Of(what), lossesOf(short).Of(what); got != want {
				t.Fatalf("after event %d %d %s are lost, want %d", i, got, what, want)
			}
		}
		most = max(most, len(short.Events()))
	}
	first := func(l *Log) uint64 {
		return l.Events()[slices.IndexFunc(l.Events(), func(e Event) bool { return e.Body.kind() == "missed" })].Seq
	}
	if first(whole) != first(short) {
		t.Errorf("the first loss is event %d, want %d", first(short), first(whole))
	}
	if most > 200 {
		t.Errorf("%d events are kept", most)
	}
}

func lossesOf(l *Log) Losses {
	lost := Losses{}
	for _, e := range l.Events() {
		if m, is := e.Body.(Missed); is {
			lost.Add(m)
		}
	}
	return lost
}

// Records of older versions have no totals.
func TestLossesWithoutTotals(t *testing.T) {
	lost := Losses{}
	for _, m := range []Missed{{Host: "A", What: MissedVerdicts, Count: 3}, {Host: "A", What: MissedVerdicts}, {Host: "B", What: MissedVerdicts, Count: 2}, {Host: "B", What: MissedEvents, Count: 9}} {
		lost.Add(m)
	}
	if n := lost.Of(MissedVerdicts); n != 6 {
		t.Errorf("%d verdicts are lost, want 6", n)
	}
}

// Rules that come and go for ever do not fill the memory, nor do they push out those that are in
// force.
func TestWhatComesAndGoesIsForgotten(t *testing.T) {
	log := NewLog()
	const keep = 100
	log.Keep(keep)
	log.Append(Begun{})
	log.Append(RuleAuthorized{Rule: Rule{Number: 1, Rule: sg.Rule{ID: "stays"}}})
	for i := range uint32(5000) {
		log.Append(RuleAuthorized{Rule: Rule{Number: 2 + i}})
		log.Append(RuleRevoked{Rule{Number: 2 + i}})
	}
	events := log.Events()
	if len(events) > 2*keep {
		t.Errorf("%d events are kept", len(events))
	}
	if events[0].Seq != 1 || events[1].Seq != 2 {
		t.Errorf("the first are %v", events[:2])
	}
}

// A subscriber that starts after an event gets the later ones, once each and in order.
func TestSubscribeAfter(t *testing.T) {
	log := NewLog()
	for range 10 {
		log.Append(Ready{})
	}
	log.Append(Ended{})
	next := uint64(8)
	for e := range log.SubscribeAfter(t.Context(), 7) {
		if e.Seq != next {
			t.Errorf("event %d, want %d", e.Seq, next)
		}
		next++
	}
	if next != 12 {
		t.Errorf("it ended before %d", next)
	}
}
