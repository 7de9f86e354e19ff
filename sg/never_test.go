package sg

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"lablab/packet"
)

// A statement is answered by a packet that the group allows, or by none.
func TestNever(t *testing.T) {
	a := readTexts(t, `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [
	 {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "192.0.2.1/32"}]},
	 {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]},
	 {"IpProtocol": "icmp", "FromPort": 3, "ToPort": 4, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
	 {"IpProtocol": "icmpv6", "FromPort": -1, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
	 {"IpProtocol": "50", "IpRanges": [{"CidrIp": "198.51.100.0/24"}]},
	 {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "224.0.0.0/4"}, {"CidrIp": "255.255.255.255/32"}], "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1"}]},
	 {"IpProtocol": "udp", "FromPort": 54, "ToPort": 54, "PrefixListIds": [{"PrefixListId": "pl-4"}]},
	 {"IpProtocol": "udp", "FromPort": 56, "ToPort": 55, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
	 "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "169.254.0.0/16"}, {"CidrIp": "224.0.0.0/24"}], "Ipv6Ranges": [{"CidrIpv6": "ff02::/16"}]}]}]}`,
		`{"PrefixLists": [{"PrefixListId": "pl-4", "AddressFamily": "IPv4"}]}`)
	for _, test := range []struct{ statement, want string }{
		{"tcp 22 from 0.0.0.0/0", "tcp 22/0 10.0.0.1"},
		{"tcp 22 from anywhere except 10.0.0.0/8", "tcp 22/0 192.0.2.1"},
		{"tcp 22 from anywhere except 10.0.0.0/8, 192.0.2.1", "holds"},
		{"tcp 22 from 10.0.0.0/7 except 10.0.0.0/9", "tcp 22/0 10.128.0.1"},
		{"tcp 1-20 from 0.0.0.0/0", "tcp 20/0 10.0.0.1"},
		{"tcp 31-442 from 0.0.0.0/0", "holds"},
		{"tcp from 203.0.113.0/24", "tcp 443/0 203.0.113.7"},
		{"tcp 443 from ::/0", "tcp 443/0 2001:db8::7"},
		{"tcp 443 from ::/0 except 2001:db8::/32", "holds"},
		{"icmp from 0.0.0.0/0", "icmp 3/4 203.0.113.7"},
		{"icmp type 3 from 0.0.0.0/0", "icmp 3/4 203.0.113.7"},
		{"icmp type 3 code 3 from 0.0.0.0/0", "holds"},
		{"icmp type 8 from 0.0.0.0/0", "holds"},
		{"icmpv6 from anywhere", "icmpv6 128/0 2001:db8::7"},
		{"50 from 198.51.100.9", "50 0/0 198.51.100.9"},
		{"51 from 198.51.100.9", "holds"},
		{"all from 198.51.101.0/24 except 198.51.101.1", "tcp 443/0 198.51.101.3"},
		{"udp 53 from 0.0.0.0/0", "unknown sg-1:in:6.3"}, // no packet comes from the ranges of that rule
		{"udp 54 from 203.0.113.0/24", "unknown sg-1:in:7.1"},
		{"udp 54 from ::/0", "holds"}, // the list is of IPv4
		{"udp 55 from 10.1.0.0/16", "unknown sg-1:in:8.1"},
		{"udp 55 from 11.1.0.0/16", "holds"},
		{"all to 169.254.169.254", "do not filter traffic to these Amazon addresses"},
		{"udp to 169.254.0.0/16", "udp 53/0 169.254.0.1"},
		{"udp to 203.0.113.0/24", "holds"},
		{"112 to 224.0.0.0/4", "112 0/0 224.0.0.1"}, // VRRP
		{"udp 5353 to ff00::/8", "udp 5353/0 ff02::1"},
		{"udp 5353 from ff00::/8", "there is no such packet"},
		{"", `"" is not a protocol`},
		{"http from anywhere", `"http" is not a protocol`},
		{"tcp 22", "from or to is missing"},
		{"tcp 70000 from anywhere", `"70000" is not a number from 0 to 65535`},
		{"tcp 30-20 from anywhere", "the ports 30-20 are reversed"},
		{"tcp 22 from office", `"office" is not an address`},
		{"tcp 22 from anywhere but 10.0.0.0/8", `unexpected "but"`},
		{"tcp 22 from anywhere except 10.0.0.0/8 twice", `unexpected "twice"`},
		{"47 1 from anywhere", `unexpected "1"`},
		{"icmp code 3 from anywhere", `unexpected "code"`},
		{"icmp from ::/0", "there is no such packet"},
		{"tcp from 127.0.0.0/8", "there is no such packet"},
		{"icmpv6 type 135 from ::/0", "do not filter neighbour discovery"},
	} {
		n, err := ParseNever(test.statement)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %s", test.statement, err, test.want)
			}
			continue
		}
		if again, err := ParseNever(n.String()); err != nil || again.String() != n.String() {
			t.Errorf("%s: written as %s, which is read as %s (%v)", test.statement, n, again, err)
		}
		breaches, doubts := a.Breaches(n)
		got := "holds"
		switch {
		case len(breaches) > 0:
			p := breaches[0].Packet
			got = fmt.Sprintf("%s %d/%d %s", p.Protocol, p.To, p.Code, p.Peer)
			if _, admitted := a.Judge(a.Groups, n.Direction, p); !admitted {
				t.Errorf("%s: %s is not allowed", test.statement, got)
			}
		case len(doubts) > 0:
			got = "unknown " + doubts[0].Rule
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.statement, got, test.want)
		}
	}
}

// A statement without a counter-example holds for every packet of a small world, and no other does.
func TestNeverIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	prefix := func() string {
		bits := 24 + random.IntN(9)
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(256))}), bits).Masked().String()
	}
	held := 0
	for range 400 {
		g := &Group{ID: "sg-1"}
		for i := range 1 + random.IntN(4) {
			first := random.IntN(6)
			g.Ingress = append(g.Ingress, rule(fmt.Sprint(i), packet.TCP, first, first+random.IntN(3), prefix()))
		}
		a := &Account{Groups: []*Group{g}}
		first := random.IntN(6)
		last := first + random.IntN(3)
		n, err := ParseNever(fmt.Sprintf("tcp %d-%d from %s except %s,%s", first, last, prefix(), prefix(), prefix()))
		if err != nil {
			continue // the exceptions leave nothing
		}
		broken := false
		for port := first; port <= last; port++ {
			for last := range 256 {
				p := Packet{Protocol: packet.TCP, Peer: netip.AddrFrom4([4]byte{10, 0, 0, byte(last)}), To: port}
				in := n.Peers[0].Contains(p.Peer) && !n.Except[0].Contains(p.Peer) && !n.Except[1].Contains(p.Peer)
				if _, admitted := a.Judge(a.Groups, packet.Ingress, p); in && admitted {
					broken = true
				}
			}
		}
		if breaches, _ := a.Breaches(n); (len(breaches) > 0) != broken {
			t.Errorf("%v: %s: breaches %v, want %v", g.Ingress, n, breaches, broken)
		}
		if !broken {
			held++
		}
	}
	if held < 50 || held > 350 {
		t.Errorf("%d of 400 held: that tests little", held)
	}
}
