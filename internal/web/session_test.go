package web

import (
	"net/netip"
	"time"

	"lablab/flow"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// session returns the timeline of manual work without predictions: a host leaves its group and
// comes back, and its network ACL gets a new first rule.
func session() []timeline.Event {
	m := &maker{log: timeline.NewLog()}
	m.begin(2)
	m.stream("1", 2, 1)
	m.ping("1", "h2", "h1", 1)
	m.add(timeline.GroupsChanged{Host: "h1", Groups: []string{}})
	m.add(timeline.Sent{Stream: "1", Seq: 2})
	m.add(timeline.Judged{Host: "h1", Direction: packet.Ingress, Stream: "1", Seq: 2, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: echo("10.0.0.2", "10.0.0.1", 2, 2, false)})
	m.add(timeline.GroupsChanged{Host: "h1", Groups: []string{"lab"}})
	hundred := sg.ACLRule{Number: 100, Allow: true, Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.0.0.0/16")}
	m.add(timeline.ACLChanged{Host: "h1", ACL: &sg.ACL{Ingress: []sg.ACLRule{hundred}}})
	m.ping("1", "h2", "h1", 3)
	m.add(timeline.ACLChanged{Host: "h1", ACL: &sg.ACL{
		Ingress: []sg.ACLRule{{Number: 50, Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.0.0.9/32")}, hundred},
		Egress:  []sg.ACLRule{{Number: 100, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}},
	}})
	m.ping("1", "h2", "h1", 4)
	m.add(timeline.Sent{Stream: "1", Seq: 5})
	m.add(timeline.Judged{Host: "h1", Direction: packet.Egress, Stream: "1", Seq: 5, Reply: true, State: "established", By: packet.By{Kind: packet.ByACL, ID: packet.ACLDefaultDenyID}, Packet: echo("10.0.0.1", "10.0.0.2", 2, 5, true)})
	m.add(timeline.PrefixListChanged{ModifyPrefixList: sg.ModifyPrefixList{PrefixList: "office"}, Entries: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	m.add(timeline.ExperimentEnded{Number: 1})
	m.add(timeline.Ended{})
	return m.log.Events()
}

// byHand returns a timeline of pings that a person runs in h2, three packets each. The first ping
// is accepted, even its last packet, which comes after the rule is revoked. The second is dropped,
// and the entries of the first are deleted. Then nothing happens for 3 s, until the last entry has
// expired, and for 2.5 s, until a program ends. The third ping has no verdicts.
func byHand() []timeline.Event {
	m := &maker{log: timeline.NewLog()}
	m.begin(2)
	var at []time.Duration
	add := func(t time.Duration, body timeline.Body) {
		for len(at) < len(m.log.Events()) {
			at = append(at, 0)
		}
		m.add(body)
		at = append(at, t)
	}
	ping := func(t time.Duration, id, seq int, verdicts ...string) {
		for i, v := range verdicts {
			j := timeline.Judged{Host: []string{"h2", "h1", "h1", "h2"}[i], Direction: []packet.Direction{packet.Egress, packet.Ingress}[i%2], State: packet.State(v), Accepted: true, By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}}
			j.Packet = echo("10.0.0.2", "10.0.0.1", id, seq, false)
			switch {
			case i > 1:
				j.Packet = echo("10.0.0.1", "10.0.0.2", id, seq, true)
			case v == "new":
				j.By = packet.By{Kind: packet.ByGroup, ID: "icmp", Number: 1}
			case v == "dropped":
				j.State, j.Accepted, j.By = "new", false, packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}
			}
			add(t, j)
		}
	}
	entry := func(t time.Duration, host string, id int, change flow.Change) {
		add(t, timeline.EntryChanged{Host: host, Change: change, Entry: flow.Entry{ID: uint32(id), Orig: pingKey(id), Timeout: 3 * time.Second, Mark: 1}})
	}
	const s = time.Second
	ping(1*s, 7, 1, "new", "new", "established", "established")
	entry(1*s, "h1", 7, flow.New)
	ping(2*s, 7, 2, "established", "established", "established", "established")
	add(2500*time.Millisecond, timeline.RuleRevoked{Rule: timeline.Rule{Number: 1, Group: "lab", Direction: packet.Ingress, Hosts: []string{"h1", "h2"}, Rule: icmpRule()}})
	ping(3*s, 7, 3, "established", "established", "established", "established")
	ping(4*s, 8, 1, "established", "dropped")
	add(5*s, timeline.Cut{Host: "h1", Flow: pingKey(7), Why: timeline.CutAsked})
	entry(5*s, "h1", 7, flow.Destroy)
	entry(6*s, "h1", 9, flow.New)
	entry(9*s, "h1", 9, flow.Destroy)
	add(11500*time.Millisecond, timeline.Ran{Host: "h2", Command: []string{"true"}})
	add(11500*time.Millisecond, timeline.Ended{})
	events := m.log.Events()
	begun := events[0].Body.(timeline.Begun)
	begun.Interval = 100 * time.Millisecond // so that gaps of more than 2 s count as waits
	events[0].Body = begun
	for i := range at {
		events[i].At = at[i]
	}
	return events
}

// pingKey returns the key of a ping from h2 to h1.
func pingKey(id int) packet.Key {
	return packet.Key{Protocol: packet.ICMP, Source: netip.MustParseAddr("10.0.0.2"), Destination: netip.MustParseAddr("10.0.0.1"), ICMPID: uint16(id), ICMPType: 8}
}
