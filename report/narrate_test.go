package report

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// narrated returns the subtitles of events, by their numbers.
func narrated(events []timeline.Event) map[uint64]subtitle {
	n := NewNarrator()
	for _, e := range events {
		n.Add(e)
	}
	said := n.Said()
	of := map[uint64]subtitle{}
	for _, c := range said.Captions {
		of[c.Event] = said.Subtitles[c.Subtitle]
	}
	return of
}

// subtitles returns what is said about a timeline, in order and without repetitions. A blank is an
// underscore.
func subtitles(events []timeline.Event) (all []string) {
	of := narrated(events)
	for _, e := range events {
		words := strings.ReplaceAll(strings.Join(slices.Collect(everyOther(of[e.Seq].Words.Pieces(nil))), "_"), "\n", " ")
		if words != "" && (len(all) == 0 || all[len(all)-1] != words) {
			all = append(all, words)
		}
	}
	return all
}

func everyOther(pieces []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := 0; i < len(pieces); i += 2 {
			if !yield(pieces[i]) {
				return
			}
		}
	}
}

// A lab is a made-up timeline of two hosts, A and B, in a group that allows pings between them.
type lab struct {
	events []timeline.Event
	at     time.Duration
}

func newLab(hosts ...string) *lab {
	l := &lab{}
	begun := timeline.Begun{}
	for i, address := range hosts {
		begun.Hosts = append(begun.Hosts, timeline.Host{Name: string(rune('A' + i)), Address: netip.MustParsePrefix(address), Groups: []string{"lab"}})
	}
	l.add(begun, timeline.RuleAuthorized{Rule: icmpRule}, timeline.RuleAuthorized{Rule: outRule}, timeline.Ready{})
	return l
}

var (
	icmpRule = timeline.Rule{Number: 1, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A", "B"}, Rule: sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.0.0.0/16")}}
	outRule  = timeline.Rule{Number: 2, Group: "lab", Direction: packet.Egress, Hosts: []string{"A", "B"}, Rule: sg.Rule{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
)

func (l *lab) add(bodies ...timeline.Body) {
	for _, body := range bodies {
		l.at += 10 * time.Millisecond
		l.events = append(l.events, timeline.Event{Seq: uint64(len(l.events) + 1), At: l.at, Body: body})
	}
}

// judged is a verdict: an empty id stands for the entry.
func judged(host string, d packet.Direction, h packet.Header, state packet.State, id string, number uint32) timeline.Judged {
	j := timeline.Judged{Host: host, Direction: d, Packet: h, State: state, Accepted: true, By: packet.By{Kind: packet.ByGroup, ID: id, Number: number}}
	switch id {
	case "":
		j.By = packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}
	case packet.DefaultDenyID:
		j.Accepted, j.By = false, packet.By{Kind: packet.ByDefault, ID: id}
	}
	return j
}

func echo(from, to string, icmpType uint8, id, seq uint16) packet.Header {
	return packet.Header{Protocol: packet.ICMP, Source: netip.MustParseAddr(from), Destination: netip.MustParseAddr(to), ICMPType: icmpType, EchoID: id, EchoSeq: seq}
}

func segment(from, to string, flags uint8) packet.Header {
	a, b := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	return packet.Header{Protocol: packet.TCP, Source: a.Addr(), Destination: b.Addr(), SourcePort: a.Port(), DestinationPort: b.Port(), TCPFlags: flags}
}

func entry(host string, change flow.Change, k packet.Key, mark uint32, status ...string) timeline.EntryChanged {
	return timeline.EntryChanged{Host: host, Change: change, Entry: flow.Entry{ID: 5, Orig: k, Status: status, Timeout: 30 * time.Second, Mark: mark}}
}

// Pings of a program are narrated by the entry that carries them.
func TestNarrationOfPings(t *testing.T) {
	l := newLab("10.0.0.1/16", "10.0.0.2/16")
	there, back := echo("10.0.0.2", "10.0.0.1", 8, 7, 1), echo("10.0.0.1", "10.0.0.2", 0, 7, 1)
	l.add(
		judged("A", packet.Ingress, there, packet.New, "icmp", 1), judged("A", packet.Egress, back, packet.Established, "", 0),
		judged("B", packet.Egress, there, packet.New, "out", 2), judged("B", packet.Ingress, back, packet.Established, "", 0),
		entry("A", flow.New, there.Key(), 1), entry("A", flow.Update, there.Key(), 1, "SEEN_REPLY"),
		judged("A", packet.Ingress, there, packet.Established, "", 0),
		timeline.RuleRevoked{Rule: icmpRule},
		judged("A", packet.Ingress, there, packet.Established, "", 0),
		judged("A", packet.Ingress, echo("10.0.0.2", "10.0.0.1", 8, 8, 1), packet.New, packet.DefaultDenyID, 0),
		timeline.Cut{Host: "A", Flow: there.Key(), Why: timeline.CutAsked}, entry("A", flow.Destroy, there.Key(), 1),
		judged("A", packet.Ingress, there, packet.New, packet.DefaultDenyID, 0),
		timeline.Ended{},
	)
	want := []string{
		`Ping _ from B to A is NEW to A: it remembers no such flow. It checks its rules. Rule "icmp" matches: accepted, and remembered.`,
		"Ping _ from B to A is ESTABLISHED: A remembers this flow. It is accepted without checking the rules.",
		`Rule "icmp" (icmp 10.0.0.0/16) is revoked. The conntrack entries stay.`,
		`Ping _ from B to A is ESTABLISHED: A remembers this flow. It is accepted without checking the rules. (rule "icmp" was revoked) The rule that admitted it no longer matches. The memory stays.`,
		`Ping _ from B to A is NEW to A, and no rule matches: dropped. (rule "icmp" was revoked)`,
		"An entry is deleted on A. The next packet of the flow will count as new.",
		`Ping _ from B to A is NEW to A, and no rule matches: dropped. (rule "icmp" was revoked)`,
	}
	if diff := cmp.Diff(want, subtitles(l.events)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// Either end may send the first packet that is seen of a connection: its entry tells which end
// asked.
func TestNarrationOfConnections(t *testing.T) {
	l := newLab("fd00::1/64", "fd00::2/64")
	there, back := segment("[fd00::2]:4000", "[fd00::1]:22", packet.SYN), segment("[fd00::1]:22", "[fd00::2]:4000", packet.FIN)
	l.add(
		judged("A", packet.Ingress, there, packet.New, "icmp", 1), judged("A", packet.Egress, back, packet.Established, "", 0),
		entry("A", flow.New, there.Key(), 1),
		judged("B", packet.Ingress, back, packet.Established, "", 0),
		judged("A", packet.Egress, back, packet.New, packet.DefaultDenyID, 0),
		entry("A", flow.Destroy, there.Key(), 1),
		timeline.Ended{},
	)
	want := []string{
		`A TCP packet from B to port 22 of A is NEW to A: it remembers no such flow. It checks its rules. Rule "icmp" matches: accepted, and remembered.`,
		"A TCP packet from A back to B is ESTABLISHED: B remembers this flow. It is accepted without checking the rules.",
		"A TCP packet from A back to B does not leave A: dropped. No outbound rule matches.",
		"Another program has deleted an entry on A. The next packet of the flow will count as new.",
	}
	if diff := cmp.Diff(want, subtitles(l.events)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// An entry is narrated if no packet shows how it came, and why it went unless lablab deleted it.
func TestNarrationOfEntries(t *testing.T) {
	l := newLab("10.0.0.1/16", "10.0.0.2/16")
	k := segment("10.0.0.2:4000", "10.0.0.1:22", packet.SYN).Key()
	timedOut := entry("A", flow.New, k, 0)
	timedOut.Entry.Timeout = 10 * time.Millisecond
	closed := entry("A", flow.Destroy, k, 0)
	closed.Entry.TCP = "TIME_WAIT"
	l.add(
		entry("A", flow.New, k, 1), entry("A", flow.Destroy, k, 1), timedOut, entry("A", flow.Destroy, k, 0),
		entry("A", flow.New, k, 1), closed, timeline.Ended{},
	)
	want := []string{
		`A remembers a new flow, tcp 10.0.0.2:4000 > 10.0.0.1:22, admitted by rule "icmp".`,
		"Another program has deleted an entry on A. The next packet of the flow will count as new.",
		"A remembers a new flow, tcp 10.0.0.2:4000 > 10.0.0.1:22, admitted by no rule.",
		"An entry has timed out and is forgotten.",
		`A remembers a new flow, tcp 10.0.0.2:4000 > 10.0.0.1:22, admitted by rule "icmp".`,
		"A connection is closed: A forgets its entry.",
	}
	if diff := cmp.Diff(want, subtitles(l.events)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// What a host sends to itself, and the packets of the self-check, are not narrated.
func TestNarrationIsAboutTraffic(t *testing.T) {
	l := newLab("10.0.0.1/16", "10.0.0.2/16")
	inside := segment("127.0.0.1:4000", "127.0.0.1:53", packet.SYN)
	loopback := judged("A", packet.Ingress, inside, packet.New, packet.LoopbackID, 0)
	loopback.Kind = packet.ByLoopback
	canary := segment("10.0.0.2:4000", "10.0.0.1:9", packet.SYN)
	l.add(
		loopback, timeline.CanaryDropped{Host: "A", Packet: canary},
		judged("A", packet.Ingress, canary, packet.New, packet.DefaultDenyID, 0), entry("B", flow.New, canary.Key(), 0), timeline.Ended{},
	)
	if got := subtitles(l.events); len(got) > 0 {
		t.Errorf("said: %q", got)
	}
}

// A rule about a group matches while the sender is a member; its entries stay.
func TestNarrationOfMembers(t *testing.T) {
	l := newLab("10.0.0.1/16", "10.0.0.2/16")
	rule := timeline.Rule{Number: 3, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A"}, Rule: sg.Rule{ID: "from-app", Protocol: packet.TCP, From: 22, To: 22, Reference: sg.Reference{GroupID: "app"}}}
	there := segment("10.0.0.2:4000", "10.0.0.1:22", packet.SYN)
	arrives := func(state packet.State, id string, number uint32) timeline.Judged {
		return judged("A", packet.Ingress, there, state, id, number)
	}
	l.add(
		timeline.RuleAuthorized{Rule: rule}, arrives(packet.New, packet.DefaultDenyID, 0),
		timeline.GroupsChanged{Host: "B", Groups: []string{"lab", "app"}}, arrives(packet.New, "from-app", 3), entry("A", flow.New, there.Key(), 3),
		timeline.GroupsChanged{Host: "B", Groups: []string{"lab"}}, arrives(packet.Established, "", 0),
		timeline.Cut{Host: "A", Flow: there.Key(), Why: timeline.CutAsked}, entry("A", flow.Destroy, there.Key(), 3),
		arrives(packet.New, packet.DefaultDenyID, 0), timeline.Ended{},
	)
	want := []string{
		`Rule "from-app" (tcp 22 app) is authorized. It is checked for packets that no conntrack entry accepts.`,
		"A TCP packet from B to port 22 of A is NEW to A, and no rule matches: dropped.",
		"B is now in group lab, app.",
		`A TCP packet from B to port 22 of A is NEW to A: it remembers no such flow. It checks its rules. Rule "from-app" matches: accepted, and remembered. (group "app" was attached to B)`,
		"B is now in group lab. The rules of group app no longer apply; remembered flows stay.",
		`A TCP packet from B to port 22 of A is ESTABLISHED: A remembers this flow. It is accepted without checking the rules. (rule "from-app" is about group "app", which was removed from B) The rule that admitted it no longer matches. The memory stays.`,
		"An entry is deleted on A. The next packet of the flow will count as new.",
		`A TCP packet from B to port 22 of A is NEW to A, and no rule matches: dropped. (rule "from-app" is about group "app", which was removed from B)`,
	}
	if diff := cmp.Diff(want, subtitles(l.events)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// Every packet of a stream that arrives or is dropped has a subtitle, and every decision a line.
func TestEveryVerdictIsNarrated(t *testing.T) {
	for _, name := range []string{"ping", "cut", "interrupted", "halted"} {
		events := recordtest.Read(t, name)
		of := narrated(events)
		n := NewNarrator()
		for _, e := range events {
			n.Add(e)
		}
		lines := map[decision]bool{}
		for _, l := range n.Said().Lines {
			lines[l.Decision] = true
		}
		for _, e := range events {
			v, is := e.Body.(timeline.Judged)
			if !is || v.Stream == "" {
				continue
			}
			if _, said := of[e.Seq]; !said && (!v.Accepted || v.Direction == packet.Ingress && !v.Reply) {
				t.Errorf("%s, event %d: no subtitle", name, e.Seq)
			}
			if !lines[decision{v.Host, v.Direction, v.State, v.Accepted, v.By}] {
				t.Errorf("%s, event %d: no line", name, e.Seq)
			}
		}
	}
}

// What is done by hand is one experiment, which says nothing about when.
func TestExperimentByHandIsNotNamed(t *testing.T) {
	for planned, want := range map[int]string{
		0: `Ping _ from B to A is NEW to A, and no rule matches: dropped. (rule "icmp" was revoked)`,
		9: `Ping _ from B to A is NEW to A, and no rule matches: dropped. (rule "icmp" was revoked in experiment 1)`,
	} {
		l := newLab("10.0.0.1/16", "10.0.0.2/16")
		l.add(timeline.RuleRevoked{Rule: icmpRule}, judged("A", packet.Ingress, echo("10.0.0.2", "10.0.0.1", 8, 7, 1), packet.New, packet.DefaultDenyID, 0))
		begun := l.events[0].Body.(timeline.Begun)
		begun.Plan = []timeline.Plan{{Number: 1, Packets: planned}}
		l.events[0].Body = begun
		for i := range l.events {
			l.events[i].Experiment = 1
		}
		if said := subtitles(l.events); said[len(said)-1] != want {
			t.Errorf("%d packets planned: %q, want %q", planned, said[len(said)-1], want)
		}
	}
}
