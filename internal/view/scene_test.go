package view

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"lablab/internal/control"
	"lablab/packet"
	"lablab/report"
	"lablab/sg"
	"lablab/timeline"
)

// A fakeLab returns preset answers and records its calls.
type fakeLab struct {
	status   control.Status
	flows    []control.Flow
	counters map[string][]timeline.Counter
	calls    []string
	err      error
}

func (f *fakeLab) note(format string, args ...any) error {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return f.err
}
func (f *fakeLab) Status(context.Context) (control.Status, error)        { return f.status, nil }
func (f *fakeLab) Flows(context.Context, string) ([]control.Flow, error) { return f.flows, nil }
func (f *fakeLab) Rules(_ context.Context, host string) (control.Ruleset, error) {
	return control.Ruleset{Host: host, Counters: f.counters[host]}, nil
}
func (f *fakeLab) Apply(_ context.Context, changes ...sg.Change) (control.Effect, error) {
	return control.Effect{}, f.note("%s", changes[0].Said())
}
func (f *fakeLab) Cut(_ context.Context, r control.CutRequest) (int, error) {
	return 1, f.note("cut %s on %s", r.Flow, r.Host)
}
func (f *fakeLab) StartStream(_ context.Context, s control.StreamStart) (string, error) {
	return "1", f.note("start %s %s > %s port %d", s.Protocol, s.From, s.To, s.Port)
}
func (f *fakeLab) StopStream(_ context.Context, name string) error { return f.note("stop %s", name) }

func ping(id uint16) packet.Key {
	return packet.Key{Protocol: packet.ICMP, Source: hostB, Destination: hostA, ICMPID: id}
}

func entry(host string, key packet.Key, packets, back uint64, left int, by string, revoked bool) control.Flow {
	f := control.Flow{Entry: report.Entry{Host: host, Protocol: key.Protocol.String(), Packets: packets, ReplyPackets: back, TimeoutSeconds: left, AdmittingGone: revoked}, Key: key}
	if back > 0 {
		f.Status = []string{"SEEN_REPLY"}
	}
	if by != "" {
		f.AdmittedBy = &by
	}
	return f
}

// A scene is a lab in which one ping has outlived its rule, and a second one is dropped.
type scene struct {
	*model
	lab *fakeLab
	seq uint64
}

func newScene(t *testing.T) *scene {
	t.Helper()
	lab := &fakeLab{
		status: control.Status{
			Name: "lab", Scenario: "ping",
			Hosts:  []control.Host{{Name: "A", Address: "10.255.1.197/16", Groups: []string{"lab"}}, {Name: "B", Address: "10.255.1.10/16", Groups: []string{"lab"}}},
			Groups: []control.Group{{ID: "lab", Rules: rules()}},
		},
		flows:    []control.Flow{entry("A", ping(1001), 1, 1, 29, "icmp", false), entry("B", ping(1001), 1, 1, 29, "out", false), entry("B", packet.Key{Protocol: packet.UDP, Source: hostB, Destination: hostA, SourcePort: 4001, DestinationPort: 9}, 1, 0, 6, "", false)},
		counters: map[string][]timeline.Counter{},
	}
	for _, h := range []string{"A", "B"} {
		lab.counters[h] = []timeline.Counter{{Direction: packet.Ingress, Rule: "established", Packets: 12}, {Direction: packet.Ingress, Rule: "ssh", Number: 1}, {Direction: packet.Ingress, Rule: "icmp", Number: 2, Packets: 1}, {Direction: packet.Egress, Rule: "established", Packets: 11}, {Direction: packet.Egress, Rule: "out", Number: 3, Packets: 4}}
	}
	s := &scene{model: newModel(Options{Name: "lab", Lab: lab}), lab: lab}
	var hosts []timeline.Host
	for _, h := range lab.status.Hosts {
		hosts = append(hosts, timeline.Host{Name: h.Name, Address: netip.MustParsePrefix(h.Address), Groups: h.Groups})
	}
	s.happen(0, timeline.Begun{Scenario: "ping", Started: began, Hosts: hosts})
	for _, r := range lab.status.Groups[0].Rules {
		s.happen(0, timeline.RuleAuthorized{Rule: timeline.Rule{Number: r.Number, Group: "lab", Direction: r.Direction, Hosts: []string{"A", "B"}, Rule: r.Rule}})
	}
	s.poll(time.Second)
	s.happen(1, timeline.StreamStarted{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A"})
	for seq := 1; seq <= 12; seq++ {
		s.happen(seq, timeline.Sent{Stream: "1", Seq: seq})
		s.happen(seq, timeline.Replied{Stream: "1", Seq: seq, RTT: time.Millisecond})
	}
	s.happen(13, timeline.RuleRevoked{Rule: timeline.Rule{Number: 2, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A", "B"}, Rule: rules()[1].Rule}})
	lab.status.Groups[0].Rules = []control.Rule{lab.status.Groups[0].Rules[0], lab.status.Groups[0].Rules[2]}
	s.happen(14, timeline.StreamStarted{Stream: "2", Protocol: packet.ICMP, From: "B", To: "A"})
	for seq := 1; seq <= 4; seq++ {
		s.happen(14+seq, timeline.Sent{Stream: "2", Seq: seq})
		s.happen(14+seq, timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "2", Seq: seq, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: echo(1002, seq)})
		s.happen(14+seq, timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "1", Seq: 12 + seq, State: "established", Accepted: true, By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}, Packet: echo(1001, 12+seq)})
	}
	s.happen(18, timeline.StreamStarted{Stream: "3", Protocol: packet.TCP, From: "B", To: "A", Port: 22})
	s.happen(18, timeline.Sent{Stream: "3", Seq: 1, Connecting: true})
	s.happen(18, timeline.Unreached{Stream: "3", Seq: 1})
	lab.flows = []control.Flow{entry("A", ping(1001), 12, 12, 29, "icmp", true), entry("B", ping(1001), 12, 12, 29, "out", false), entry("B", ping(1002), 4, 0, 5, "out", false)}
	s.poll(17 * time.Second)
	s.poll(18 * time.Second)
	s.take(tickMsg(began.Add(19 * time.Second)))
	return s
}

func (s *scene) happen(second int, body timeline.Body) {
	s.seq++
	s.Update(eventsMsg{{Seq: s.seq, At: time.Duration(second) * time.Second, Body: body}})
}

// take gives the model a message, but does not run the command that it returns.
func (s *scene) take(msg tea.Msg) { s.Update(msg) }

func (s *scene) poll(at time.Duration) {
	a := s.ask(began.Add(at))().(answers)
	a.at = began.Add(at)
	s.Update(a)
}

// press presses keys, and runs the commands that they return.
func (s *scene) press(keys ...string) (quit bool) {
	for _, key := range keys {
		msg := tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
		switch key {
		case "up":
			msg = tea.KeyPressMsg{Code: tea.KeyUp}
		case "down":
			msg = tea.KeyPressMsg{Code: tea.KeyDown}
		case "tab":
			msg = tea.KeyPressMsg{Code: tea.KeyTab}
		case "enter":
			msg = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "esc":
			msg = tea.KeyPressMsg{Code: tea.KeyEscape}
		case "backspace":
			msg = tea.KeyPressMsg{Code: tea.KeyBackspace}
		case "space":
			msg = tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
		case "ctrl+c":
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		}
		_, cmd := s.Update(msg)
		for cmd != nil {
			done := cmd()
			if _, quit := done.(tea.QuitMsg); quit {
				return true
			}
			_, cmd = s.Update(done)
		}
	}
	return false
}

func (s *scene) frame(width, height int) string {
	s.take(tea.WindowSizeMsg{Width: width, Height: height})
	lines := strings.Split(ansi.Strip(s.View().Content), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// rules returns the rules of the group.
func rules() []control.Rule {
	rule := func(number uint32, d packet.Direction, r sg.Rule) control.Rule {
		return control.Rule{Rule: r, Direction: d, Text: r.String(), Number: number}
	}
	world := netip.MustParsePrefix("0.0.0.0/0")
	return []control.Rule{
		rule(1, packet.Ingress, sg.Rule{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Peer: world}),
		rule(2, packet.Ingress, sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")}),
		rule(3, packet.Egress, sg.Rule{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: world}),
	}
}

// echo returns the header of an echo request from B to A.
func echo(id, seq int) packet.Header {
	return packet.Header{Protocol: packet.ICMP, Source: hostB, Destination: hostA, ICMPType: 8, EchoID: uint16(id), EchoSeq: uint16(seq)}
}
