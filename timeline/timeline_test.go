package timeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lablab/flow"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everyKind returns one event of every kind, with every field set.
func everyKind() []Body {
	rule := Rule{Number: 2, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A", "B"}, Rule: sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")}}
	key := packet.Key{Protocol: packet.ICMP, Source: netip.MustParseAddr("10.255.1.10"), Destination: netip.MustParseAddr("10.255.1.197"), ICMPID: 7, ICMPType: 8}
	entry := flow.Entry{ID: 9, Orig: key, Reply: key, Status: []string{"CONFIRMED"}, Timeout: 30 * time.Second, Mark: 2, Sent: flow.Count{Packets: 1, Bytes: 84}}
	header := packet.Header{
		Protocol: packet.UDP, Source: key.Source, Destination: key.Destination, SourcePort: 1, DestinationPort: 2, ICMPType: 3, ICMPCode: 4, EchoID: 5, EchoSeq: 6,
		Tag: 7, Length: 8, Number: 9, TCPSeq: 10, TCPFlags: 11, QuotedProtocol: packet.TCP, QuotedTag: 12,
	}
	moment := time.Date(2026, 11, 22, 1, 2, 3, 4, time.UTC)
	return []Body{
		Begun{Version: "v", Scenario: "ping", Title: "t", Kernel: "k", Rootless: true, Interval: time.Second, Started: moment, Timed: true,
			Hosts: []Host{{Name: "A", Address: netip.MustParsePrefix("10.255.1.197/16"), Groups: []string{"lab"}}, {Name: "B", Address: netip.MustParsePrefix("10.255.1.10/16")}},
			Plan:  []Plan{{Number: 1, Title: "x", Do: []string{"y"}, Doing: []*say.Kept{{Format: "%s %d", Args: []any{"y", 1, &say.Kept{Format: "z"}}}}, Packets: 10, Line: 3, Within: time.Second, Predicted: []Prediction{{Stream: "1", Outcome: "replied"}}}}},
		RuleAuthorized{Rule: rule, Existing: true}, RuleRevoked{rule}, GroupsChanged{"A", []string{"lab"}}, Cut{Host: "A", Flow: key, Why: CutAsked}, ACLChanged{"A", &sg.ACL{Ingress: []sg.ACLRule{{Number: 100, Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}}},
		PrefixListChanged{sg.ModifyPrefixList{PrefixList: "office", Remove: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Add: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		Configured{sg.NitroV6(), true}, CanaryDropped{"A", header}, Ready{}, ExperimentBegun{1},
		StreamStarted{"1", packet.ICMP, "B", "A", netip.MustParseAddr("10.255.1.10"), netip.MustParseAddr("10.255.1.197"), 1001, 1, 2, ""},
		StreamStopped{"1", "broken", say.F("broken").Keep()}, Ran{"A", []string{"true"}, 0, 1, "x", time.Second}, Waited{time.Second}, Forged{"A", header}, TimedOut{time.Second}, Halted{time.Second, 2 * time.Second, time.Millisecond},
		Sent{"1", 1, true, true}, Connected{"1", 1}, Unreached{"1", 1, "refused"}, NotSent{"1", 2, true, "operation not permitted"}, Replied{"1", 1, time.Millisecond, true},
		Judged{"A", packet.Ingress, true, "1", 1, 2, true, "new", true, packet.By{Kind: packet.ByGroup, ID: "icmp", Number: 2}, header},
		EntryChanged{"A", flow.New, entry, moment}, Dumped{"A", []flow.Entry{entry}},
		Counted{"A", []Counter{{packet.Ingress, "icmp", 2, 1, 84}}}, Missed{"A", MissedEvents, 3, 5},
		ExperimentEnded{1}, Interrupted{"SIGINT"}, Ended{"broke"},
	}
}

func record(t *testing.T) (*Log, string) {
	t.Helper()
	log := NewLog()
	for _, body := range everyKind() {
		log.Append(body)
	}
	log.Append(Sent{Stream: "1", Seq: 99}) // too late: the log is closed
	var b bytes.Buffer
	if err := Write(&b, log.Subscribe(context.Background())); err != nil {
		t.Fatal(err)
	}
	return log, b.String()
}

func TestRecordIsReadBack(t *testing.T) {
	if len(everyKind()) != len(bodies) {
		t.Errorf("this test has %d kinds of event, there are %d", len(everyKind()), len(bodies))
	}
	log, text := record(t)
	got, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(log.Events(), got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("written (-), read (+):\n%s", diff)
	}
}

// A record may end anywhere, because its writer may have been killed.
func TestRecordCutShort(t *testing.T) {
	_, text := record(t)
	whole := strings.Count(text, "\n")
	for n := strings.Index(text, "\n") + 1; n < len(text); n += 13 {
		got, err := Read(strings.NewReader(text[:n]))
		if err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		if complete := strings.Count(text[:n], "\n"); len(got) < complete || len(got) > whole {
			t.Fatalf("after %d bytes: %d events, %d complete lines", n, len(got), complete)
		}
	}
}

func TestBrokenRecordIsRefused(t *testing.T) {
	_, text := record(t)
	lines := strings.SplitAfter(text, "\n")
	for name, broken := range map[string]string{
		"no record at all":    "hello\n",
		"broken in between":   lines[0] + "{\"seq\":\n" + lines[2],
		"unknown kind":        lines[0] + `{"seq":2,"kind":"surprise","body":{}}` + "\n",
		"body of wrong shape": lines[0] + `{"seq":2,"kind":"sent","body":[]}` + "\n" + lines[2],
		"no beginning":        lines[1],
		"two beginnings":      lines[0] + lines[0],
	} {
		if _, err := Read(strings.NewReader(broken)); err == nil || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: got %v, want an error that names the line", name, err)
		}
	}
}

// What no lab writes is not explained, but refused, with its line.
func TestForgedRecordIsRefused(t *testing.T) {
	begun := Begun{Hosts: []Host{{Name: "A"}, {Name: "B"}}, Plan: []Plan{{Number: 1}}}
	started, rule := StreamStarted{Stream: "1", From: "B", To: "A"}, Rule{Number: 1, Group: "lab"}
	verdict := func(state packet.State, accepted bool, by packet.By) Judged {
		return Judged{Host: "A", Direction: packet.Ingress, State: state, Accepted: accepted, By: by}
	}
	icmp := packet.By{Kind: packet.ByGroup, ID: "icmp", Number: 1}
	for name, test := range map[string]struct {
		events []Event
		want   string
	}{
		"goes back in number":            {[]Event{{Seq: 1, Body: begun}, {Seq: 1, Body: Ready{}}}, "line 2: event 1 follows event 1"},
		"goes back in time":              {[]Event{{Seq: 1, At: 2, Body: begun}, {Seq: 2, At: 1, Body: Ready{}}}, "line 2: it happened 1ns before the event above it"},
		"goes back to an experiment":     {[]Event{{Seq: 1, Experiment: 2, Body: begun}, {Seq: 2, Experiment: 1, Body: Ready{}}}, "line 2: experiment 1 follows experiment 2"},
		"goes on after the end":          {inOrder(begun, Ended{}, Ready{}), `line 3: something follows the event "ended"`},
		"hosts of one name":              {inOrder(Begun{Hosts: []Host{{Name: "A"}, {Name: "A"}}}), `line 1: the lab has two hosts called "A"`},
		"experiments out of order":       {inOrder(Begun{Plan: []Plan{{Number: 2}}}), "line 1: experiment 1 is number 2"},
		"another host":                   {inOrder(begun, GroupsChanged{Host: "C"}), `line 2: it names host "C", which the lab does not have`},
		"a rule that is there twice":     {inOrder(begun, RuleAuthorized{Rule: rule}, RuleAuthorized{Rule: rule}), "line 3: rule number 1 is authorized twice"},
		"a rule that was never there":    {inOrder(begun, RuleRevoked{rule}), "line 2: rule number 1 is revoked but was never authorized"},
		"a verdict by no rule":           {inOrder(begun, verdict(packet.New, true, icmp)), "line 2: rule number 1 has decided but was never authorized"},
		"accepted by default":            {inOrder(begun, verdict(packet.New, true, packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID})), "line 2: default-deny cannot have decided that"},
		"accepted by a check":            {inOrder(begun, verdict(packet.New, true, packet.By{Kind: packet.ByCheck, ID: packet.SourceDestCheckID})), "line 2: source-dest-check cannot have decided that"},
		"checked but not forwarded":      {inOrder(begun, verdict(packet.New, false, packet.By{Kind: packet.ByCheck, ID: packet.SourceDestCheckID})), "line 2: source-dest-check cannot have decided that"},
		"dropped by a rule that accepts": {inOrder(begun, RuleAuthorized{Rule: rule}, verdict(packet.New, false, icmp)), "line 3: icmp cannot have decided that"},
		"new, but established":           {inOrder(begun, verdict(packet.New, true, packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID})), "line 2: established does not accept a packet that is new"},
		"an unknown direction":           {inOrder(begun, Judged{Host: "A", Direction: "up"}), `line 2: unknown direction "up"`},
		"an unknown state":               {inOrder(begun, verdict("fresh", true, icmp)), `line 2: unknown state "fresh"`},
		"an unknown decider":             {inOrder(begun, verdict(packet.New, true, packet.By{Kind: "magic"})), `line 2: unknown kind of rule "magic"`},
		"a stream that never began":      {inOrder(begun, Sent{Stream: "1", Seq: 1}), `line 2: stream "1" was never started`},
		"a packet left out":              {inOrder(begun, started, Sent{Stream: "1", Seq: 2}), `line 3: packet 2 of stream "1" follows packet 0`},
		"a reply to nothing":             {inOrder(begun, started, Replied{Stream: "1", Seq: 1}), `line 3: packet 1 of stream "1" was never sent`},
		"a loss of something else":       {inOrder(begun, Missed{"A", "packets", 1, 1}), `line 2: unknown kind of evidence "packets"`},
		"a negative loss":                {inOrder(begun, Missed{"A", MissedVerdicts, -5, 0}), "line 2: the number of lost messages is impossible: -5, and 0 in all"},
		"a loss that wraps around":       {inOrder(begun, Missed{"A", MissedVerdicts, math.MaxInt / 64, math.MaxInt / 64}, Missed{"A", MissedVerdicts, math.MaxInt / 64, 0}, Missed{"A", MissedVerdicts, 1, 0}), "line 4: the number of lost messages is impossible: 1, and 0 in all"},
		"a loss that shrinks":            {inOrder(begun, Missed{"A", MissedEvents, 5, 9}, Missed{"A", MissedEvents, 1, 2}), "line 3: 2 messages were lost in all, of which 9 were before"},
		"a reply before its packet":      {inOrder(begun, started, Sent{Stream: "1", Seq: 1}, Replied{Stream: "1", Seq: 1, RTT: -1}), "line 4: the reply came 1ns before its packet"},
	} {
		var text bytes.Buffer
		for _, e := range test.events {
			line, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(append(line, '\n'))
		}
		if _, err := Read(&text); err == nil || err.Error() != "read record: "+test.want {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// Every event that is about a host is refused if the lab does not have it.
func TestHostsAreChecked(t *testing.T) {
	for _, body := range everyKind() {
		v := reflect.New(reflect.TypeOf(body)).Elem()
		v.Set(reflect.ValueOf(body))
		field := v.FieldByName("Host")
		if !field.IsValid() {
			continue
		}
		field.SetString("C")
		err := Check(inOrder(Begun{Hosts: []Host{{Name: "A"}, {Name: "B"}}}, v.Interface().(Body)))
		if err == nil || !strings.Contains(err.Error(), `names host "C"`) {
			t.Errorf("%s: %v", body.kind(), err)
		}
	}
}

// inOrder returns a timeline of these events.
func inOrder(bodies ...Body) []Event {
	events := make([]Event, len(bodies))
	for i, body := range bodies {
		events[i] = Event{Seq: uint64(i + 1), Body: body}
	}
	return events
}

func TestSubscribersSeeEverythingInOrder(t *testing.T) {
	const subscribers, events = 8, 2000
	log := NewLog()
	var wg sync.WaitGroup
	for range subscribers {
		wg.Go(func() {
			var n uint64
			for e := range log.Subscribe(context.Background()) {
				if n++; e.Seq != n {
					t.Errorf("event %d came as number %d", e.Seq, n)
					return
				}
			}
			if n != events+1 {
				t.Errorf("%d events came, want %d", n, events+1)
			}
		})
	}
	for i := range events {
		log.Append(Sent{Stream: "1", Seq: i})
	}
	log.Append(Ended{})
	wg.Wait()
}

func TestLogForgetsTheOldest(t *testing.T) {
	log := NewLog()
	log.Keep(10)
	for i := range 1000 {
		log.Append(Sent{Stream: "1", Seq: i + 1})
	}
	events := log.Events()
	if n := len(events); n < 10 || n > 20 {
		t.Errorf("%d events are kept, want 10 to 20", n)
	}
	log.Append(Ended{})
	last := uint64(0)
	for e := range log.Subscribe(t.Context()) {
		if last > 0 && e.Seq != last+1 {
			t.Errorf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
	}
	if last != 1001 {
		t.Errorf("the last event is %d, want 1001", last)
	}
}

func TestSlowSubscriberHoldsUpNobody(t *testing.T) {
	log := NewLog()
	ctx, cancel := context.WithCancel(context.Background())
	stuck := log.Subscribe(ctx) // is never read
	for i := range 1000 {
		log.Append(Sent{Stream: "1", Seq: i})
	}
	if n := len(log.Events()); n != 1000 {
		t.Errorf("%d events", n)
	}
	cancel()
	for range stuck {
	}
}

func TestEventsBelongToTheirExperiment(t *testing.T) {
	log := NewLog()
	for _, body := range []Body{Ready{}, ExperimentBegun{1},
		Sent{"1", 1, true, true}, ExperimentEnded{1}, ExperimentBegun{2}, Sent{Stream: "1", Seq: 2}} {
		log.Append(body)
	}
	var got []int
	for _, e := range log.Events() {
		got = append(got, e.Experiment)
	}
	if fmt.Sprint(got) != "[0 1 1 1 2 2]" {
		t.Errorf("experiments %v", got)
	}
}

// An event that was read can be written again, and reads back the same.
func FuzzRead(f *testing.F) {
	for i, body := range everyKind() {
		line, err := json.Marshal(Event{Seq: uint64(i + 1), Body: body})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(line, '\n'))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range events {
			if _, err := json.Marshal(e); err != nil {
				t.Fatal(err)
			}
		}
	})
}
