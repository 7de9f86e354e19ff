package report

import (
	"net/netip"
	"testing"
	"time"

	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

// The change that closed or opened the way is found, unless what is known contradicts the verdict.
func TestWhatClosedAndOpenedTheWay(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	rule := func(number uint32, group string, r sg.Rule) timeline.Rule {
		r.Protocol, r.From, r.To = packet.TCP, 22, 22
		return timeline.Rule{Number: number, Group: group, Direction: packet.Ingress, Hosts: []string{"A"}, Rule: r}
	}
	wide := rule(1, "server", sg.Rule{Peer: netip.MustParsePrefix("0.0.0.0/0")})
	friends := rule(2, "server", sg.Rule{Reference: sg.Reference{GroupID: "friends"}})
	listed := rule(3, "server", sg.Rule{PrefixList: "office"})
	other := rule(4, "spare", sg.Rule{Peer: netip.MustParsePrefix("10.0.0.2/32")})
	list := func(remove, add, all []netip.Prefix) timeline.PrefixListChanged {
		return timeline.PrefixListChanged{ModifyPrefixList: sg.ModifyPrefixList{PrefixList: "office", Remove: remove, Add: add}, Entries: all}
	}
	office := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	groups := func(host string, groups ...string) timeline.GroupsChanged {
		return timeline.GroupsChanged{Host: host, Groups: groups}
	}
	const drop, accept = false, true
	for _, test := range []struct {
		name     string
		before   []timeline.Body // the traffic begins
		after    []timeline.Body // a second later
		accepted bool
		by       uint32
		want     cause
	}{
		{"a rule was revoked", []timeline.Body{timeline.RuleAuthorized{Rule: wide}}, []timeline.Body{timeline.RuleRevoked{Rule: wide}}, drop, 0, ruleRevoked},
		{"it left its group", []timeline.Body{timeline.RuleAuthorized{Rule: wide}}, []timeline.Body{groups("A")}, drop, 0, hostLeft},
		{"its peer left", []timeline.Body{timeline.RuleAuthorized{Rule: friends}}, []timeline.Body{groups("B")}, drop, 0, peerLeft},
		{"a list lost its peer", []timeline.Body{timeline.RuleAuthorized{Rule: listed}}, []timeline.Body{list(office, nil, nil)}, drop, 0, peerUnlisted},
		{"the last of two", []timeline.Body{timeline.RuleAuthorized{Rule: wide}, timeline.RuleAuthorized{Rule: friends}}, []timeline.Body{timeline.RuleRevoked{Rule: wide}, groups("B")}, drop, 0, peerLeft},
		{"one of two", []timeline.Body{timeline.RuleAuthorized{Rule: wide}, timeline.RuleAuthorized{Rule: friends}}, []timeline.Body{timeline.RuleRevoked{Rule: wide}}, drop, 0, 0},
		{"nothing", []timeline.Body{timeline.RuleAuthorized{Rule: wide}}, nil, drop, 0, 0},
		{"a list that never changed", []timeline.Body{timeline.RuleAuthorized{Rule: listed}}, []timeline.Body{timeline.RuleRevoked{Rule: listed}}, drop, 0, 0},
		{"a rule was authorized", nil, []timeline.Body{timeline.RuleAuthorized{Rule: wide}}, accept, 1, ruleAuthorized},
		{"it got a group that no host had", nil, []timeline.Body{groups("A", "server", "spare"), timeline.RuleAuthorized{Rule: other, Existing: true}}, accept, 4, hostJoined},
		{"it got such a group, and then a rule was authorized", nil, []timeline.Body{groups("A", "server", "spare"), timeline.RuleAuthorized{Rule: other}}, accept, 4, ruleAuthorized},
		{"its peer came back", []timeline.Body{timeline.RuleAuthorized{Rule: friends}}, []timeline.Body{groups("B"), groups("B", "friends")}, accept, 2, peerJoined},
		{"a list got its peer", []timeline.Body{timeline.RuleAuthorized{Rule: listed}}, []timeline.Body{list(nil, office, office)}, accept, 3, peerListed},
		{"the rule has matched all along", []timeline.Body{timeline.RuleAuthorized{Rule: wide}}, nil, accept, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, at := newPolicy(), when{}
			add := func(bodies ...timeline.Body) {
				for _, body := range bodies {
					at.seq++
					p.add(at, body)
				}
			}
			add(timeline.Begun{Hosts: []timeline.Host{
				{Name: "A", Address: netip.PrefixFrom(a, 24), Groups: []string{"server"}}, {Name: "B", Address: netip.PrefixFrom(b, 24), Groups: []string{"friends"}},
			}})
			add(test.before...)
			add(timeline.Ready{})
			ready := at
			at.at += time.Second
			add(test.after...)
			at.at += time.Second
			at.seq++
			v := timeline.Judged{Host: "A", Direction: packet.Ingress, State: packet.New, Accepted: test.accepted, By: packet.By{Number: test.by}}
			v.Packet = packet.Header{Protocol: packet.TCP, Source: b, Destination: a, SourcePort: 4000, DestinationPort: 22}
			var c change
			if test.accepted {
				c, _ = p.opened(ready, at, v)
			} else {
				c, _ = p.closed(at, v)
			}
			if c.cause != test.want {
				t.Errorf("%+v, want cause %d", c, test.want)
			}
		})
	}
}
