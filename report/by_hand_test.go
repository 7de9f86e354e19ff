package report

import (
	"net/netip"

	"lablab/packet"
	"lablab/timeline"
)

// byHand is what happens in a lab that somebody uses.
var byHand = func() []timeline.Body {
	icmp := timeline.Rule{Number: 2, ID: "icmp", Group: "lab", Direction: packet.Ingress, Text: "icmp 10.255.0.0/16", Hosts: []string{"A", "B"}}
	again := icmp
	again.Number = 3
	a, b := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("10.255.1.10")
	ping := func(id, seq string) string {
		return "icmp 10.255.1.10 > 10.255.1.197 type 8 code 0 id " + id + " seq " + seq
	}
	dropped := timeline.Judged{Host: "A", Direction: packet.Ingress, State: "new", Rule: timeline.DefaultDeny, Packet: ping("7", "1")}
	droppedNext, accepted, left := dropped, dropped, dropped
	droppedNext.Packet = ping("7", "2")
	accepted.Accepted, accepted.Rule, accepted.Number, accepted.Packet = true, "icmp", 3, ping("8", "1")
	left.Host, left.Direction, left.Accepted, left.Rule, left.Number = "B", packet.Egress, true, "out", 1
	cut := timeline.Cut{Host: "A", Flow: packet.Key{Protocol: packet.ICMP, Source: b, Destination: a, ICMPID: 8, ICMPType: 8}, Why: timeline.CutAsked}
	return []timeline.Body{
		timeline.Begun{
			Scenario: "ping", Title: "a session in lab x", Kernel: "Linux", Plan: []timeline.Plan{},
			Hosts: []timeline.Host{{Name: "A", Address: netip.MustParsePrefix("10.255.1.197/16"), Groups: []string{"lab"}}, {Name: "B", Address: netip.MustParsePrefix("10.255.1.10/16"), Groups: []string{"lab"}}},
		},
		timeline.RuleAuthorized{Rule: icmp}, timeline.CanaryDropped{Host: "A", Packet: "udp 10.255.1.10:33866 > 10.255.1.197:9"}, timeline.Ready{},
		timeline.RuleRevoked{Rule: icmp}, left, dropped, droppedNext, timeline.RuleAuthorized{Rule: again}, accepted,
		timeline.StreamStarted{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A", Source: b, Target: a, ICMPID: 9},
		timeline.Sent{Stream: "1", Seq: 1}, timeline.Replied{Stream: "1", Seq: 1}, timeline.Sent{Stream: "1", Seq: 2},
		timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "1", Seq: 2, State: "new", Rule: timeline.DefaultDeny, Packet: ping("9", "2")},
		timeline.StreamStopped{Stream: "1"}, cut, cut,
		timeline.GroupsChanged{Host: "A"}, timeline.GroupsChanged{Host: "A", Groups: []string{"lab"}},
		timeline.ACLChanged{Host: "A", On: true, Rules: []string{"ingress 100 deny icmp 0.0.0.0/0"}}, timeline.ACLChanged{Host: "A"},
	}
}()
