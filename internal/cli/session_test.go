package cli

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"lablab/internal/control"
	"lablab/packet"
	"lablab/render"
	"lablab/report"
	"lablab/sg"
	"lablab/timeline"
)

// A lab whose log has forgotten the beginning can still be recorded. Forgotten events are counted.
func TestSessionWithoutItsBeginning(t *testing.T) {
	var out bytes.Buffer
	s := &session{out: json.NewEncoder(&out), about: control.Status{
		Name: "long", Hosts: []control.Host{{Name: "A", Address: "10.255.1.197/16", Groups: []string{"lab"}}},
		Groups: []control.Group{{ID: "lab", Hosts: []string{"A"}, Rules: []control.Rule{{Rule: sg.Rule{ID: "icmp", Protocol: packet.ICMP}, Direction: packet.Ingress, Number: 7}}}},
	}}
	rule := timeline.Rule{Number: 3, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A"}, Rule: sg.Rule{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22}}
	for i, body := range []timeline.Body{
		timeline.RuleRevoked{Rule: rule}, timeline.Judged{Host: "A", Direction: packet.Ingress, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: header(packet.ICMP, "10.0.0.1", 0, "10.0.0.2", 0)},
		timeline.Cut{Host: "A"}, timeline.GroupsChanged{Host: "A", Groups: []string{"other"}},
	} {
		if err := s.see(timeline.Event{Seq: 500 + uint64(i), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	if s.forgotten != 499 {
		t.Errorf("%d events forgotten, want 499", s.forgotten)
	}
	events, err := timeline.Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := events[0].Seq, events[len(events)-1].Seq; first != 1 || last != uint64(len(events))+s.forgotten {
		t.Errorf("%d events, numbered from %d to %d", len(events), first, last)
	}
	begun, begins := events[0].Body.(timeline.Begun)
	if !begins || begun.Hosts[0].Address != netip.MustParsePrefix("10.255.1.197/16") {
		t.Errorf("begins with %+v", events[0])
	}
	if r := render.ResultOf(events); r.Verdict() != report.Unpredicted {
		t.Errorf("the report calls it %s", r.Verdict())
	}
}

// Packets are selected by protocol, ports and addresses.
func TestTracerMeans(t *testing.T) {
	status := control.Status{Hosts: []control.Host{{Name: "B", Address: "10.255.1.10/16"}}}
	for _, test := range []struct {
		flags  traceFlags
		packet packet.Header
		want   bool
	}{
		{traceFlags{}, header(packet.ICMP, "10.0.0.1", 0, "10.0.0.2", 0), true},
		{traceFlags{protocol: "TCP"}, header(packet.TCP, "10.0.0.1", 4, "10.0.0.2", 22), true},
		{traceFlags{protocol: "6"}, header(packet.TCP, "10.0.0.1", 4, "10.0.0.2", 22), true},
		{traceFlags{protocol: "udp"}, header(packet.TCP, "10.0.0.1", 4, "10.0.0.2", 22), false},
		{traceFlags{protocol: "132"}, header(packet.SCTP, "10.0.0.1", 0, "10.0.0.2", 0), true},
		{traceFlags{port: 22}, header(packet.TCP, "10.0.0.1", 4, "10.0.0.2", 22), true},
		{traceFlags{port: 22}, header(packet.TCP, "fd00::1", 22, "fd00::2", 9), true},
		{traceFlags{protocol: "-1", port: 22}, header(packet.TCP, "10.0.0.1", 4, "10.0.0.2", 22), true},
		{traceFlags{port: 22}, header(packet.TCP, "10.0.0.1", 4, "10.0.0.2", 23), false},
		{traceFlags{port: 22}, header(packet.ICMP, "10.0.0.1", 0, "10.0.0.2", 0), false},
		{traceFlags{from: "B"}, header(packet.UDP, "10.255.1.10", 4, "10.0.0.2", 22), true},
		{traceFlags{from: "B"}, header(packet.UDP, "10.0.0.2", 4, "10.255.1.10", 22), false},
		{traceFlags{from: "10.0.0.0/8"}, header(packet.UDP, "10.0.0.2", 4, "192.0.2.1", 22), true},
		{traceFlags{from: "fd00::1"}, header(packet.ICMPv6, "fd00::1", 0, "fd00::2", 0), true},
	} {
		test.flags.format = "text"
		tracer, err := test.flags.tracer(&strings.Builder{}, status, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := tracer.means(test.packet); got != test.want {
			t.Errorf("%+v means %v: %v", test.flags, test.packet, got)
		}
	}
}

func header(p packet.Protocol, from string, fromPort uint16, to string, toPort uint16) packet.Header {
	return packet.Header{Protocol: p, Source: netip.MustParseAddr(from), Destination: netip.MustParseAddr(to), SourcePort: fromPort, DestinationPort: toPort}
}

// The tracer reports how much it missed.
func TestTracerConfesses(t *testing.T) {
	tracer, err := traceFlags{format: "text"}.tracer(&strings.Builder{}, control.Status{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []timeline.Event{
		{Seq: 10, Body: timeline.Judged{Host: "A", Packet: header(packet.ICMP, "10.0.0.1", 0, "10.0.0.2", 0)}},
		{Seq: 15, Body: timeline.Missed{Host: "A", What: timeline.MissedVerdicts, Count: 7}},
		{Seq: 16, Body: timeline.Missed{Host: "A", What: timeline.MissedEvents}},
	} {
		if err := tracer.see(e); err != nil {
			t.Fatal(err)
		}
	}
	const want = "1 packets; lost: about 7 verdicts on A, 4 events (this reader was too slow)"
	if got := tracer.summary(); got.String() != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// The trace leaves out the self-check of a lab that replaces another.
func TestTracerLeavesOutSelfCheck(t *testing.T) {
	var out strings.Builder
	tracer, err := traceFlags{format: "text"}.tracer(&out, control.Status{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	canary := timeline.Judged{Host: "A", Packet: header(packet.UDP, "10.0.0.1", 0, "10.0.0.2", 0)}
	for i, body := range []timeline.Body{timeline.Begun{}, canary, timeline.Ready{}, timeline.Judged{Host: "A", Packet: header(packet.ICMP, "10.0.0.1", 0, "10.0.0.2", 0)}} {
		if err := tracer.see(timeline.Event{Seq: uint64(i + 1), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if tracer.packets != 1 || strings.Contains(out.String(), "udp") || !strings.Contains(out.String(), "icmp") {
		t.Errorf("%d packets:\n%s", tracer.packets, &out)
	}
}

// ACL rules parse from the format in which they are written.
func TestACLRules(t *testing.T) {
	for text, want := range map[string]string{
		"100 allow tcp 22 10.0.0.0/8":               "100 allow tcp 22 10.0.0.0/8",
		"1 deny all 0.0.0.0/0":                      "1 deny all 0.0.0.0/0",
		"7 allow udp 1024-65535 ::/0":               "7 allow udp 1024-65535 ::/0",
		"7 allow icmp type 3 code 4 192.0.2.9/24":   "7 allow icmp type 3 code 4 192.0.2.0/24",
		"7 allow icmpv6 type 128 fd00::/8":          "7 allow icmpv6 type 128 fd00::/8",
		"32766 deny 47 10.0.0.0/8":                  "32766 deny 47 10.0.0.0/8",
		"7 allow icmp type 3 code 4 x 192.0.2.9/24": "",
		"7 allow 47 22 10.0.0.0/8":                  "",
		"7 allow tcp 22 23 10.0.0.0/8":              "",
	} {
		r, err := aclRule(text)
		if (err == nil) != (want != "") || err == nil && r.String() != want {
			t.Errorf("%q: %s, %v", text, r, err)
		}
	}
}
