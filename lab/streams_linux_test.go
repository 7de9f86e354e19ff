package lab

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/render"
	"lablab/report"
	"lablab/scenario"
	"lablab/sg"
)

// three returns a scenario with streams of three protocols from B to A.
func three(interval time.Duration) (sc *scenario.Scenario, start []scenario.Action) {
	sc = serverAndClient(allow("ssh", packet.TCP, 22, "10.255.1.10/32"), allow("dns", packet.UDP, 53, "10.255.1.10/32"), allow("icmp", packet.ICMP, sg.Any, "10.255.1.10/32"))
	return sc, []scenario.Action{
		scenario.Start{Stream: "t", Protocol: packet.TCP, From: "B", To: "A", Port: 22},
		scenario.Start{Stream: "u", Protocol: packet.UDP, From: "B", To: "A", Port: 53},
		scenario.Start{Stream: "p", Protocol: packet.ICMP, From: "B", To: "A"},
	}
}

func outcome(o scenario.Outcome, streams ...string) []scenario.Expectation {
	var list []scenario.Expectation
	for _, s := range streams {
		list = append(list, scenario.Expectation{Stream: s, Outcome: o})
	}
	return list
}

func held(t *testing.T, r *report.Report) {
	t.Helper()
	if !r.Held || r.Missed != (report.Missed{}) {
		t.Errorf("held %v, missed %+v", r.Held, r.Missed)
		_ = render.NewText(os.Stderr, 120, nil).All(r)
	}
}

// Streams of all protocols outlive the rule that admitted them, and new ones are dropped until it
// is back: exact to the packet, at any pace, on a busy machine.
func TestStreamsOfThreeProtocols(t *testing.T) {
	nstest.Busy(t, 2)
	// At the slowest pace, new ones takes longer than TCP waits before it sends again.
	for _, interval := range []time.Duration{15 * time.Millisecond, 5 * time.Millisecond, time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			t.Parallel()
			sc, start := three(interval)
			again := []scenario.Action{
				scenario.Start{Stream: "t2", Protocol: packet.TCP, From: "B", To: "A", Port: 22},
				scenario.Start{Stream: "u2", Protocol: packet.UDP, From: "B", To: "A", Port: 53},
				scenario.Start{Stream: "p2", Protocol: packet.ICMP, From: "B", To: "A"},
			}
			rules := sc.Account.Groups[0].Ingress
			sc.Experiments = []scenario.Experiment{
				{Title: "allowed", Do: start, For: 10, Expect: outcome(scenario.Replied, "t", "u", "p")},
				{Title: "revoked", Do: []scenario.Action{scenario.Change{Change: revoke("server", "ssh", "dns", "icmp")}}, For: 9, Expect: outcome(scenario.Replied, "t", "u", "p")},
				{Title: "new ones", Do: again, For: 19, Expect: append(outcome(scenario.Replied, "t", "u", "p"), outcome(scenario.Refused, "t2", "u2", "p2")...)},
				{Title: "back", Do: []scenario.Action{scenario.Change{Change: authorize("server", packet.Ingress, rules...)}}, For: 27,
					Expect: append(outcome(scenario.Replied, "t", "u", "p", "t2", "u2", "p2"), scenario.Expectation{Stream: "t2", First: 20}, scenario.Expectation{Stream: "u2", First: 20})},
			}
			held(t, run(t, sc, interval))
		})
	}
}

// A stream that an ACL cuts off stalls, and continues when the ACL is gone.
func TestStalledAndFree(t *testing.T) {
	t.Parallel()
	nstest.Busy(t, 2)
	sc, start := three(2 * time.Millisecond)
	sc.Experiments = []scenario.Experiment{
		{Title: "allowed", Do: start, For: 5, Expect: outcome(scenario.Replied, "t", "u", "p")},
		{Title: "denied", Do: []scenario.Action{scenario.Change{Change: sg.SetACL{Interface: "A", ACL: &sg.ACL{}}}}, For: 7,
			Expect: append(outcome(scenario.Stalled, "t"), append(outcome(scenario.Refused, "u", "p"), scenario.Expectation{Stream: "u", By: "acl-default-deny"})...)},
		{Title: "free", Do: []scenario.Action{scenario.Change{Change: sg.SetACL{Interface: "A"}}}, For: 6, Expect: outcome(scenario.Replied, "t", "u", "p")},
	}
	r := run(t, sc, 2*time.Millisecond)
	held(t, r)
	if s := r.Stream("t"); s.Stalled != 7 || s.Belated != 7 {
		t.Errorf("%d stalled, %d of them answered later, want 7", s.Stalled, s.Belated)
	}
}

// Untracked streams end with their rule: the TCP connection stalls.
func TestUntrackedStreams(t *testing.T) {
	sc := serverAndClient(allow("ssh", packet.TCP, 22, "0.0.0.0/0"), allow("dns", packet.UDP, 53, "0.0.0.0/0"))
	no := false
	sc.Experiments = []scenario.Experiment{
		{Title: "allowed", Do: []scenario.Action{
			scenario.Start{Stream: "t", Protocol: packet.TCP, From: "B", To: "A", Port: 22},
			scenario.Start{Stream: "u", Protocol: packet.UDP, From: "B", To: "A", Port: 53},
		}, For: 6, Expect: append(outcome(scenario.Replied, "t", "u"), scenario.Expectation{Stream: "t", Tracked: &no, By: "ssh"},
			scenario.Expectation{Host: "A", Flow: "t", Absent: true}, scenario.Expectation{Host: "B", Flow: "t", AdmittedBy: "out"}, scenario.Expectation{Host: "A", Hit: "ssh"})},
		{Title: "revoked", Do: []scenario.Action{scenario.Change{Change: revoke("server", "ssh", "dns")}}, For: 8,
			Expect: append(outcome(scenario.Stalled, "t"), outcome(scenario.Refused, "u")...)},
	}
	held(t, run(t, sc, 5*time.Millisecond))
}

// The port is closed.
func TestNobodyListens(t *testing.T) {
	for related, want := range map[string]scenario.Outcome{"all": scenario.Reset, "": scenario.Refused} {
		sc, _ := three(0)
		sc.Related = related
		sc.Experiments = []scenario.Experiment{{Title: "nobody listens", Do: []scenario.Action{
			scenario.Start{Stream: "t", Protocol: packet.TCP, From: "B", To: "A", Port: 22, Unserved: true},
			scenario.Start{Stream: "u", Protocol: packet.UDP, From: "B", To: "A", Port: 53, Unserved: true},
		}, For: 3, Expect: append(outcome(scenario.Reset, "t"), outcome(want, "u")...)}}
		held(t, run(t, sc, 20*time.Millisecond))
	}
}

// More than two hosts, a group as a source, and IPv6.
func TestManyHosts(t *testing.T) {
	t.Parallel()
	for _, net := range []string{"10.9.0.0/24", "fd00:9::/64"} {
		prefix := netip.MustParsePrefix(net)
		any := netip.PrefixFrom(prefix.Addr(), 0).Masked()
		sc := &scenario.Scenario{Name: "many", Title: "many", Timeouts: sg.Nitro(), Account: &sg.Account{Groups: []*sg.Group{
			{ID: "web", Ingress: []sg.Rule{{ID: "from-app", Protocol: packet.TCP, From: 80, To: 80, Reference: sg.Reference{GroupID: "app"}}, {ID: "ping", Protocol: icmpOf(prefix), From: sg.Any, To: sg.Any, Peer: any}},
				Egress: []sg.Rule{{ID: "web-out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: any}}},
			{ID: "app", Egress: []sg.Rule{{ID: "app-out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: any}}},
			{ID: "other", Egress: []sg.Rule{{ID: "other-out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: any}}},
		}}}
		address := prefix.Addr().Next()
		for i := range 16 {
			address = address.Next()
			group := []string{"web", "app", "other"}[min(i, 2)]
			sc.Hosts = append(sc.Hosts, scenario.Host{Name: string(rune('A' + i)), Address: netip.PrefixFrom(address, prefix.Bits()), Groups: []string{group}})
		}
		sc.Experiments = []scenario.Experiment{
			{Title: "members only", Do: []scenario.Action{
				scenario.Start{Stream: "app", Protocol: packet.TCP, From: "B", To: "A", Port: 80},
				scenario.Start{Stream: "other", Protocol: packet.TCP, From: "C", To: "A", Port: 80},
				scenario.Start{Stream: "ping", Protocol: packet.ICMP, From: "P", To: "A"},
			}, For: 5, Expect: append(outcome(scenario.Replied, "app", "ping"), outcome(scenario.Refused, "other")...)},
			{Title: "a member leaves and another comes", Do: []scenario.Action{
				scenario.Change{Change: attach("B", "other")}, scenario.Change{Change: attach("C", "app")},
				scenario.Start{Stream: "late", Protocol: packet.TCP, From: "B", To: "A", Port: 80},
			}, For: 5, Expect: append(outcome(scenario.Replied, "app", "other"), outcome(scenario.Refused, "late")...)},
		}
		held(t, run(t, sc, 3*time.Millisecond))
	}
}

func icmpOf(p netip.Prefix) packet.Protocol {
	if p.Addr().Is6() {
		return packet.ICMPv6
	}
	return packet.ICMP
}

// A stopped stream that starts again with the same id is the same flow.
func TestRestart(t *testing.T) {
	sc, start := three(0)
	sc.Experiments = []scenario.Experiment{
		{Title: "allowed", Do: start, For: 3, Expect: outcome(scenario.Replied, "t", "u", "p")},
		{Title: "again", Do: []scenario.Action{
			scenario.Change{Change: revoke("server", "ssh", "dns", "icmp")},
			scenario.Restart{Stream: "p", As: "p-same", Same: true}, scenario.Restart{Stream: "u", As: "u-same", Same: true},
			scenario.Restart{Stream: "t", As: "t-new"},
		}, For: 4, Expect: append(outcome(scenario.Replied, "p-same", "u-same"), outcome(scenario.Refused, "t-new")...)},
	}
	held(t, run(t, sc, 2*time.Millisecond))
}
