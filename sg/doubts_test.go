package sg

import (
	"net/netip"
	"strings"
	"testing"

	"lablab/packet"
)

// A rule that is not known in full raises doubt about the packets that it might admit, and only
// about these.
func TestDoubts(t *testing.T) {
	permissions := `[
	 {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "1"}]},
	 {"IpProtocol": "tcp", "FromPort": 81, "ToPort": 81, "UserIdGroupPairs": [{"GroupId": "sg-gone"}]},
	 {"IpProtocol": "tcp", "FromPort": 82, "ToPort": 82, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
	 {"IpProtocol": "tcp", "FromPort": 90, "ToPort": 83, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
	 {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "ten"}]},
	 {"IpProtocol": "esp", "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]`
	files := []string{
		`{"SecurityGroups": [{"GroupId": "sg-1", "OwnerId": "1", "IpPermissions": ` + permissions + `}]}`,
		`{"NetworkInterfaces": []}`,
		`{"PrefixLists": [{"PrefixListId": "pl-1", "AddressFamily": "IPv4"}]}`,
		`{"SecurityGroupRules": [{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 99, "ToPort": 99, "CidrIpv4": "0.0.0.0/0"}]}`,
	}
	a := &Account{}
	for _, file := range files {
		if err := a.Read("file", strings.NewReader(file)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		protocol packet.Protocol
		peer     string
		port     int
		egress   bool
		want     string
	}{
		{packet.TCP, "172.16.0.1", 80, false, "sg-1:in:1.1"},
		{packet.TCP, "2001:db8::1", 80, false, "sg-1:in:1.1"},
		{packet.TCP, "203.0.113.1", 80, true, ""},
		{packet.TCP, "203.0.113.1", 81, false, ""}, // stale: EC2 has no peer either
		{packet.TCP, "203.0.113.1", 82, false, "sg-1:in:3.1"},
		{packet.TCP, "2001:db8::1", 82, false, ""}, // the list is of IPv4
		{packet.TCP, "10.0.0.1", 84, false, "sg-1:in:4.1"},
		{packet.TCP, "192.0.2.1", 84, false, "sg-1:in:6.1"}, // its protocol is unknown
		{packet.UDP, "203.0.113.1", 53, false, "sg-1:in:5.1"},
		{packet.UDP, "203.0.113.1", 54, false, ""},
		{packet.TCP, "203.0.113.1", 99, false, "sgr-1"},
		{packet.TCP, "203.0.113.1", 99, true, "sgr-1"}, // its direction is unknown
	} {
		d := packet.Ingress
		if test.egress {
			d = packet.Egress
		}
		var got []string
		for _, doubt := range a.Doubts(a.Groups, d, Packet{Protocol: test.protocol, Peer: netip.MustParseAddr(test.peer), To: test.port}) {
			got = append(got, doubt.Rule)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s %s %d: got %q, want %q", test.protocol, test.peer, test.port, got, test.want)
		}
	}
}
