package scenario

import (
	"net/netip"

	"lablab/sg"
)

// FourExperiments is the experiment that lablab was written for: two hosts in
// one security group, a ping that goes on, and the ICMP rule taken away and
// given back. Addresses and numbers of packets are those of the original, which
// was done by hand on two EC2 instances: 65 packets sent, 65 received, and 46
// sent, 27 received, the first reply to icmp_seq 20.
func FourExperiments() *Scenario {
	icmp := sg.Rule{ID: "icmp", Protocol: sg.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")}
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	return &Scenario{
		Name:  "ping",
		Title: "An established flow outlives the rule that let it in",
		Hosts: []Host{
			{Name: "A", Address: netip.MustParsePrefix("10.255.1.197/16"), Groups: []string{"lab"}},
			{Name: "B", Address: netip.MustParsePrefix("10.255.1.10/16"), Groups: []string{"lab"}},
		},
		Account: &sg.Account{Groups: []*sg.Group{{
			ID: "lab", Name: "lab",
			Ingress: []sg.Rule{
				{ID: "ssh", Protocol: sg.TCP, From: 22, To: 22, Peer: everywhere},
				icmp,
			},
			Egress: []sg.Rule{{ID: "out", Protocol: sg.All, From: sg.Any, To: sg.Any, Peer: everywhere}},
		}}},
		Timeouts: sg.Nitro(),
		Experiments: []Experiment{
			{
				Title:  "ICMP is allowed, a ping begins",
				Do:     []Action{Start{Stream: "1", Protocol: sg.ICMP, From: "B", To: "A"}},
				For:    10,
				Expect: []Expectation{{Stream: "1", Outcome: Replied}},
			},
			{
				Title:  "the ICMP rule is revoked",
				Do:     []Action{Revoke{Group: "lab", Rules: []string{"icmp"}}},
				For:    9,
				Expect: []Expectation{{Stream: "1", Outcome: Replied}},
			},
			{
				Title:  "a second ping begins",
				Do:     []Action{Start{Stream: "2", Protocol: sg.ICMP, From: "B", To: "A"}},
				For:    19,
				Expect: []Expectation{{Stream: "1", Outcome: Replied}, {Stream: "2", Outcome: Refused}},
			},
			{
				Title:  "the ICMP rule comes back",
				Do:     []Action{Authorize{Group: "lab", Direction: sg.Ingress, Rules: []sg.Rule{icmp}}},
				For:    27,
				Expect: []Expectation{{Stream: "1", Outcome: Replied}, {Stream: "2", Outcome: Replied}},
			},
		},
	}
}
