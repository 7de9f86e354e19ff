package render

import (
	"net/netip"

	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// byHand is a sequence of events in a lab that is used by hand.
var byHand = func() []timeline.Body {
	icmp := timeline.Rule{Number: 2, Group: "lab", Direction: packet.Ingress, Hosts: []string{"A", "B"}, Rule: sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")}}
	again := icmp
	again.Number = 3
	a, b := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("10.255.1.10")
	ping := func(id, seq uint16) packet.Header {
		return packet.Header{Protocol: packet.ICMP, Source: b, Destination: a, ICMPType: 8, EchoID: id, EchoSeq: seq}
	}
	dropped := timeline.Judged{Host: "A", Direction: packet.Ingress, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: ping(7, 1)}
	droppedNext, accepted, left := dropped, dropped, dropped
	droppedNext.Packet = ping(7, 2)
	accepted.Accepted, accepted.By, accepted.Packet = true, packet.By{Kind: packet.ByGroup, ID: "icmp", Number: 3}, ping(8, 1)
	left.Host, left.Direction, left.Accepted, left.By = "B", packet.Egress, true, packet.By{Kind: packet.ByGroup, ID: "out", Number: 1}
	cut := timeline.Cut{Host: "A", Flow: packet.Key{Protocol: packet.ICMP, Source: b, Destination: a, ICMPID: 8, ICMPType: 8}, Why: timeline.CutAsked}
	return []timeline.Body{
		timeline.Begun{
			Scenario: "ping", Title: "a session in lab x", Kernel: "Linux", Plan: []timeline.Plan{},
			Hosts: []timeline.Host{{Name: "A", Address: netip.MustParsePrefix("10.255.1.197/16"), Groups: []string{"lab"}}, {Name: "B", Address: netip.MustParsePrefix("10.255.1.10/16"), Groups: []string{"lab"}}},
		},
		timeline.RuleAuthorized{Rule: icmp}, timeline.CanaryDropped{Host: "A", Packet: packet.Header{Protocol: packet.UDP, Source: b, Destination: a, SourcePort: 33866, DestinationPort: 9}}, timeline.Ready{},
		timeline.RuleRevoked{Rule: icmp}, left, dropped, droppedNext, timeline.RuleAuthorized{Rule: again}, accepted,
		timeline.StreamStarted{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A", Source: b, Target: a, ICMPID: 9},
		timeline.Sent{Stream: "1", Seq: 1}, timeline.Replied{Stream: "1", Seq: 1}, timeline.Sent{Stream: "1", Seq: 2},
		timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "1", Seq: 2, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: ping(9, 2)},
		timeline.StreamStopped{Stream: "1"}, cut, cut,
		timeline.GroupsChanged{Host: "A"}, timeline.GroupsChanged{Host: "A", Groups: []string{"lab"}},
		timeline.ACLChanged{Host: "A", ACL: &sg.ACL{Ingress: []sg.ACLRule{{Number: 100, Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}}}, timeline.ACLChanged{Host: "A"},
		timeline.PrefixListChanged{ModifyPrefixList: sg.ModifyPrefixList{PrefixList: "office", Remove: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}},
	}
}()
