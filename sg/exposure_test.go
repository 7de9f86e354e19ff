package sg

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table has a column for all ports that no group treats differently, and is exact.
func TestExposure(t *testing.T) {
	a := readTexts(t, `{"SecurityGroups": [
	 {"GroupId": "sg-1", "OwnerId": "1", "IpPermissions": [
	  {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "192.168.0.0/16"}]},
	  {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]},
	  {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
	  {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8090, "UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": "1"}]},
	  {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
	  {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
	  {"IpProtocol": "icmp", "FromPort": 3, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
	  {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
	  {"IpProtocol": "udp", "FromPort": 54, "ToPort": 54, "UserIdGroupPairs": [{"GroupId": "sg-gone"}]}]},
	 {"GroupId": "sg-2", "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, {"IpProtocol": "50", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]},
	 {"GroupId": "sg-3", "IpPermissions": []}]}`, `{"NetworkInterfaces": []}`)
	e := a.Exposure()
	var got []string
	for i, c := range e.Columns {
		var openings []string
		for _, g := range e.Groups {
			openings = append(openings, string(g.Openings[i]))
		}
		got = append(got, fmt.Sprintf("%s %v: %s", c.Protocol, c.Ports, strings.Join(openings, " ")))
	}
	want := []string{
		"tcp [[0 21] [23 79] [81 442] [444 7999] [8091 65535]]: closed range closed",
		"tcp [[22 22]]: range range closed",
		"tcp [[80 80] [443 443] [8080 8080]]: world range closed",
		"tcp [[8000 8079] [8081 8090]]: group range closed",
		"udp [[0 52] [54 65535]]: closed range closed",
		"udp [[53 53]]: unknown range closed",
		"icmp [[0 7] [9 255]]: closed range closed",
		"icmp [[8 8]]: world range closed",
		"50 []: closed world closed",
		"other []: closed range closed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if e := (&Account{}).Exposure(); len(e.Columns)+len(e.Groups) > 0 {
		t.Errorf("of no groups: %+v", e)
	}
}
