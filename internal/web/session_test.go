package web

import (
	"lablab/sg"
	"lablab/timeline"
)

// session is a timeline of what somebody did, of which nothing was predicted: a host
// leaves its group and comes back, and its network ACL gets a rule before the others.
func session() []timeline.Event {
	m := &maker{log: timeline.NewLog()}
	m.begin(2)
	m.stream("1", 2, 1)
	m.ping("1", "h2", "h1", 1)
	m.add(timeline.GroupsChanged{Host: "h1", Groups: []string{}})
	m.add(timeline.Sent{Stream: "1", Seq: 2})
	m.add(timeline.Judged{Host: "h1", Direction: sg.Ingress, Stream: "1", Seq: 2, State: "new", Rule: timeline.DefaultDeny, Packet: "icmp 10.0.0.2 > 10.0.0.1 type 8 code 0 id 2 seq 2"})
	m.add(timeline.GroupsChanged{Host: "h1", Groups: []string{"lab"}})
	m.add(timeline.ACLChanged{Host: "h1", On: true, Rules: []string{"ingress 100 allow icmp 10.0.0.0/16"}})
	m.ping("1", "h2", "h1", 3)
	m.add(timeline.ACLChanged{Host: "h1", On: true, Rules: []string{"ingress 50 deny icmp 10.0.0.9/32", "ingress 100 allow icmp 10.0.0.0/16", "egress 100 allow all 0.0.0.0/0"}})
	m.ping("1", "h2", "h1", 4)
	m.add(timeline.Sent{Stream: "1", Seq: 5})
	m.add(timeline.Judged{Host: "h1", Direction: sg.Egress, Stream: "1", Seq: 5, Reply: true, State: "established", Rule: "acl-default-deny", Packet: "icmp 10.0.0.1 > 10.0.0.2 type 0 code 0 id 2 seq 5"})
	m.add(timeline.ExperimentEnded{Number: 1})
	m.add(timeline.Ended{})
	return m.log.Events()
}
