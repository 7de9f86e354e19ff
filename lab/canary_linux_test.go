package lab

import (
	"testing"

	"lablab/packet"
	"lablab/play"
	"lablab/sg"
)

// The port of the self-check is the first one from 9 on that the sender may use and the receiver
// blocks, wherever the rules leave one.
func TestForbiddenPort(t *testing.T) {
	t.Parallel()
	ports := func(protocol packet.Protocol, from, to int) sg.Rule {
		r := allow("r", protocol, from, "0.0.0.0/0")
		r.To = to
		return r
	}
	udp := func(from, to int) sg.Rule { return ports(packet.UDP, from, to) }
	all := ports(packet.All, sg.Any, sg.Any)
	for _, test := range []struct {
		name            string
		egress, ingress []sg.Rule
		port            int // 0 for no port
	}{
		{"all and nothing", []sg.Rule{all}, nil, 9},
		{"all and all", []sg.Rule{all}, []sg.Rule{all}, 0},
		{"nothing and nothing", nil, nil, 0},
		{"other protocols", []sg.Rule{all}, []sg.Rule{ports(packet.TCP, 0, 65535), ports(packet.ICMP, sg.Any, sg.Any)}, 9},
		{"below 9", []sg.Rule{all}, []sg.Rule{udp(0, 8)}, 9},
		{"9 only", []sg.Rule{all}, []sg.Rule{udp(9, 9)}, 10},
		{"two that touch", []sg.Rule{all}, []sg.Rule{udp(100, 200), udp(0, 99)}, 201},
		{"two, the higher one first", []sg.Rule{all}, []sg.Rule{udp(500, 600), udp(9, 9)}, 10},
		{"a hole between two", []sg.Rule{all}, []sg.Rule{udp(0, 99), udp(101, 65535)}, 100},
		{"the last port", []sg.Rule{all}, []sg.Rule{udp(0, 65534)}, 65535},
		{"every port", []sg.Rule{all}, []sg.Rule{udp(0, 65535)}, 0},
		{"one that may be sent", []sg.Rule{udp(53, 53)}, nil, 53},
		{"one that may be sent, and arrives", []sg.Rule{udp(53, 53)}, []sg.Rule{udp(53, 53)}, 0},
		{"the second that may be sent", []sg.Rule{udp(53, 60)}, []sg.Rule{udp(0, 53)}, 54},
		{"the second rule", []sg.Rule{udp(53, 53), udp(500, 600)}, []sg.Rule{udp(0, 99)}, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := serverAndClient(test.ingress...)
			sc.Account.Groups[1].Egress = test.egress
			l := &Lab{policy: play.PolicyOf(sc)}
			a, b := &Host{Host: sc.Hosts[0]}, &Host{Host: sc.Hosts[1]}
			port, exists := l.forbidden(b, b.Address.Addr(), a, a.Address.Addr())
			if port != test.port || exists != (test.port > 0) {
				t.Errorf("port %d, %v, want %d", port, exists, test.port)
			}
		})
	}
}
