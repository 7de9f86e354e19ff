package scenario

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"lablab/packet"
	"lablab/sg"
)

func ruleFor(p packet.Protocol, from, to int, peer string) sg.Rule {
	return sg.Rule{ID: peer, Protocol: p, From: from, To: to, Peer: netip.MustParsePrefix(peer)}
}

func TestFourExperimentsWith(t *testing.T) {
	out := ruleFor(packet.All, sg.Any, sg.Any, "0.0.0.0/0")
	itself := sg.Rule{ID: "itself", Protocol: packet.All, From: sg.Any, To: sg.Any, Reference: sg.Reference{GroupID: "sg-1"}}
	for _, test := range []struct {
		name    string
		ingress []sg.Rule
		egress  []sg.Rule
		a, b    string // or what is missing
		revoked int
	}{
		{"all ICMP of the original network", []sg.Rule{ruleFor(packet.ICMP, sg.Any, sg.Any, "10.255.0.0/16")}, []sg.Rule{out}, "10.255.1.197", "10.255.1.10", 1},
		{"echo requests from the world", []sg.Rule{ruleFor(packet.ICMP, 8, sg.Any, "0.0.0.0/0")}, []sg.Rule{out}, "10.255.1.197", "10.255.1.10", 1},
		{"two rules allow it", []sg.Rule{ruleFor(packet.ICMP, 8, 0, "10.0.0.0/8"), ruleFor(packet.All, sg.Any, sg.Any, "10.255.1.0/24")}, []sg.Rule{out}, "10.255.1.197", "10.255.1.10", 2},
		{"one address", []sg.Rule{ruleFor(packet.ICMP, sg.Any, sg.Any, "192.168.7.7/32")}, []sg.Rule{out}, "192.168.7.8", "192.168.7.7", 1},
		{"the last address", []sg.Rule{ruleFor(packet.ICMP, sg.Any, sg.Any, "192.168.255.254/32")}, []sg.Rule{out}, "192.168.255.253", "192.168.255.254", 1},
		{"another network", []sg.Rule{ruleFor(packet.TCP, 22, 22, "0.0.0.0/0"), ruleFor(packet.ICMP, sg.Any, sg.Any, "172.20.0.0/16")}, []sg.Rule{out}, "172.20.0.2", "172.20.0.1", 1},
		{"the group itself, as in the default group of a VPC", []sg.Rule{itself}, []sg.Rule{out}, "10.255.1.197", "10.255.1.10", 1},
		{"no ICMP", []sg.Rule{ruleFor(packet.TCP, 22, 22, "0.0.0.0/0")}, []sg.Rule{out}, "inbound rule for ICMP", "", 0},
		{"ICMP, but no echo request", []sg.Rule{ruleFor(packet.ICMP, 3, 4, "10.0.0.0/8")}, []sg.Rule{out}, "inbound rule for ICMP", "", 0},
		{"public addresses only", []sg.Rule{ruleFor(packet.ICMP, sg.Any, sg.Any, "203.0.113.0/24")}, []sg.Rule{out}, "inbound rule for ICMP", "", 0},
		{"nothing gets out", []sg.Rule{ruleFor(packet.ICMP, sg.Any, sg.Any, "10.0.0.0/8")}, nil, "outbound rule for ICMP", "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			group := &sg.Group{ID: "sg-1", Ingress: test.ingress, Egress: test.egress}
			sc, err := FourExperimentsWith(&sg.Account{Groups: []*sg.Group{group}}, group)
			if test.b == "" {
				var unsuitable *Unsuitable
				if !errors.As(err, &unsuitable) || !strings.Contains(err.Error(), test.a) {
					t.Errorf("got %v, want %q", err, test.a)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a, b := sc.Hosts[0].Address, sc.Hosts[1].Address
			if a.Addr().String() != test.a || b.Addr().String() != test.b || !a.Masked().Contains(b.Addr()) {
				t.Errorf("hosts %s and %s, want %s and %s in one network", a, b, test.a, test.b)
			}
			revoked, authorized := sc.Experiments[1].Do[0].(Change).Change.(sg.Revoke).IDs, sc.Experiments[3].Do[0].(Change).Change.(sg.Authorize).Rules
			if len(revoked) != test.revoked || len(authorized) != test.revoked {
				t.Errorf("%v are revoked and %v authorized, want %d", revoked, authorized, test.revoked)
			}
		})
	}
}
