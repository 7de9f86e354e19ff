package sg

import (
	"strings"
	"testing"
)

func TestPermissions(t *testing.T) {
	for _, test := range []struct{ written, want string }{
		{`[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}]`, "tcp 22 203.0.113.0/24"},
		{`{"IpProtocol": "all", "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}`, "all 203.0.113.0/24"},
		// The AWS CLI manual's own examples.
		{`IpProtocol=icmp,FromPort=3,ToPort=4,IpRanges=[{CidrIp=0.0.0.0/0}]`, "icmp type 3 code 4 0.0.0.0/0"},
		{`IpProtocol=tcp,FromPort=3389,ToPort=3389,IpRanges=[{CidrIp=172.31.0.0/16}] IpProtocol=icmp,FromPort=-1,ToPort=-1,IpRanges=[{CidrIp=172.31.0.0/16}]`,
			"tcp 3389 172.31.0.0/16, icmp 172.31.0.0/16"},
		{`IpProtocol=tcp,FromPort=80,ToPort=80,Ipv6Ranges=[{CidrIpv6=::/0,Description="every, one"}],PrefixListIds=[{PrefixListId=pl-1}]`, "tcp 80 ::/0, tcp 80 pl-1"},
		{`IpProtocol=tcp,FromPort=80,ToPort=80,IpRanges=[{Description=all of it, CidrIp=10.0.0.0/8 }] IpProtocol=-1,IpRanges=[{CidrIp=192.0.2.0/24}]`, "tcp 80 10.0.0.0/8, all 192.0.2.0/24"},
		{`IpProtocol=-1, UserIdGroupPairs=[ {GroupId=sg-1}, {GroupId=sg-2} ]`, "all sg-1, all sg-2"},
		{`IpProtocol=-1,UserIdGroupPairs=[{GroupId=sg-1}, {GroupId=sg-2}]`, "all sg-1, all sg-2"},
		{`IpProtocol=tcp,FromPort=22,ToPort=22,IpRange=[{CidrIp=203.0.113.0/24}],Port=3`, `permissions:1:77: lablab does not know the source list "Port"`},
		{`IpProtocol=tcp,FromPort=22,ToPort=22`, "permissions:1:1: the permission has no source"},
		{`IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=203.0.113.0/24}`, "permissions:1:71: expected , or ]"},
		{`IpProtocol="tcp`, "permissions:1:12: the quotation mark is not closed"},
		{`tcp 22`, "permissions:1:1: expected a name and ="},
		{``, "read permissions: the list is empty"},
		{`[]`, "read permissions: the list is empty"},
		{`[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}], "Port": 3}]`, `permissions:1:71: unknown member "Port"`},
		{`["tcp"]`, `permissions:1:2: IpPermissions has the wrong type: string "tcp"`},
	} {
		rules, err := Permissions(test.written)
		var got []string
		for _, r := range rules {
			got = append(got, r.String())
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if text := strings.Join(got, ", "); text != test.want && (err == nil || !strings.HasPrefix(text, test.want)) {
			t.Errorf("%s\ngot  %s\nwant %s", test.written, text, test.want)
		}
	}
}
