package sg

import (
	"fmt"
	"strings"
	"testing"
)

// What stands in two files, or twice in one, is one thing if both say the same, and otherwise an
// error with both places.
func TestSeenTwice(t *testing.T) {
	t.Parallel()
	list := func(name, element string) string { return fmt.Sprintf(`{"%s": [`+"\n%s]}", name, element) }
	type same struct{ name, one, reordered, other, message string }
	for _, c := range []same{
		{
			"NetworkInterfaces",
			`{"NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}], "PrivateIpAddress": "10.0.0.1", "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}]}`,
			`{"Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}], "NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-2"}, {"GroupId": "sg-1"}], "PrivateIpAddress": "10.0.0.1"}`,
			`{"NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-1"}], "PrivateIpAddress": "10.0.0.1", "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}]}`,
			"two:2:24: network interface eni-1 is listed twice and differs: first at one:2:24",
		},
		{
			"InstanceTypes",
			`{"InstanceType": "m5.large", "NetworkInfo": {"ConnectionTrackingConfiguration": {"DefaultUdpTimeout": 30}}}`, "",
			`{"InstanceType": "m5.large", "NetworkInfo": {"ConnectionTrackingConfiguration": {"DefaultUdpTimeout": 60}}}`,
			"two:2:18: instance type m5.large is listed twice and differs: first at one:2:18",
		},
		{
			"PrefixLists",
			`{"PrefixListId": "pl-1", "Cidrs": ["10.0.0.0/8", "10.1.0.0/16"]}`,
			`{"PrefixListId": "pl-1", "Cidrs": ["10.1.0.0/16", "10.0.0.0/8"]}`,
			`{"PrefixListId": "pl-1", "Cidrs": ["10.0.0.0/8"]}`,
			"two:2:18: prefix list pl-1 is listed twice and differs: first at one:2:18",
		},
		{
			"NetworkAcls",
			`{"NetworkAclId": "acl-1", "Associations": [{"SubnetId": "subnet-1"}], "Entries": []}`, "",
			`{"NetworkAclId": "acl-2", "Associations": [{"SubnetId": "subnet-1"}], "Entries": [{"RuleNumber": 1, "Egress": true, "RuleAction": "deny", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}]}`,
			"two:2:57: the network ACL of subnet subnet-1 is listed twice and differs: first at one:2:57",
		},
		{
			"VpcPeeringConnections", `{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}}`, "",
			`{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "deleted"}}`,
			"two:2:1: peering connection pcx-1 is listed twice and differs: first at one:2:1",
		},
		{
			"TransitGateways", `{"TransitGatewayId": "tgw-1", "State": "available"}`, "", `{"TransitGatewayId": "tgw-1", "State": "deleted"}`,
			"two:2:1: transit gateway tgw-1 is listed twice and differs: first at one:2:1",
		},
		{
			"TransitGatewayVpcAttachments", `{"TransitGatewayAttachmentId": "a-1", "TransitGatewayId": "tgw-1", "VpcId": "vpc-1", "State": "available"}`, "",
			`{"TransitGatewayAttachmentId": "a-1", "TransitGatewayId": "tgw-1", "VpcId": "vpc-1", "State": "deleted"}`,
			"two:2:1: transit gateway attachment a-1 is listed twice and differs: first at one:2:1",
		},
		{
			"SecurityGroupVpcAssociations", `{"GroupId": "sg-1", "VpcId": "vpc-1", "State": "associated"}`, "", `{"GroupId": "sg-1", "VpcId": "vpc-1", "State": "disassociated"}`,
			"two:2:1: the association of group sg-1 with VPC vpc-1 is listed twice and differs: first at one:2:1",
		},
		{
			"SecurityGroups", `{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}`, "", `{"GroupId": "sg-1", "IpPermissions": []}`,
			"two:2:13: group sg-1 is listed twice, with different rules: first at one:2:13",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := &Account{}
			read := func(file, text string) error { return a.Read(file, strings.NewReader(text)) }
			if err := read("one", list(c.name, c.one)); err != nil {
				t.Fatal(err)
			}
			size := func() int {
				return len(a.Groups) + len(a.Interfaces) + len(a.PrefixLists) + len(a.InstanceTypes) + len(a.PrefixLists) + len(a.Unread)
			}
			before := size()
			again := c.one
			if c.reordered != "" {
				again = c.reordered
			}
			if err := read("again", list(c.name, c.one+",\n"+again)); err != nil || size() != before {
				t.Errorf("the same again: %v, %d things instead of %d", err, size(), before)
			}
			if err := read("two", list(c.name, c.other)); err == nil || err.Error() != c.message {
				t.Errorf("got %v\nwant %s", err, c.message)
			}
			if err := (&Account{}).Read("both", strings.NewReader(list(c.name, c.one+",\n"+c.other))); err == nil || !strings.Contains(err.Error(), "first at both:2:") {
				t.Errorf("in one file: %v", err)
			}
		})
	}
}

// The entries of a prefix list may come in pages, one behind the other or in files of their own.
func TestPagesOfEntries(t *testing.T) {
	t.Parallel()
	const first, second = `{"Entries": [{"Cidr": "10.0.0.0/8"}], "NextToken": "x"}`, `{"Entries": [{"Cidr": "172.16.0.0/12"}]}`
	const managed = `{"PrefixLists": [{"PrefixListId": "pl-0123456789abcdef0"}]}`
	for name, files := range map[string][][2]string{
		"in one file":           {{"managed.json", managed}, {"entries.json", first + second}},
		"in two files":          {{"pl-0123456789abcdef0.1.json", first}, {"pl-0123456789abcdef0.2.json", second}},
		"the same pages twice":  {{"pl-0123456789abcdef0.json", first + second}, {"pl-0123456789abcdef0.json", second + first}},
		"in describe-… as well": {{"pl-0123456789abcdef0.json", first + second}, {"d.json", `{"PrefixLists": [{"PrefixListId": "pl-0123456789abcdef0", "Cidrs": ["10.0.0.0/8", "172.16.0.0/12"]}]}`}},
	} {
		a := &Account{}
		for _, f := range files {
			if err := a.Read(f[0], strings.NewReader(f[1])); err != nil {
				t.Fatal(name, err)
			}
		}
		if got := fmt.Sprint(a.PrefixLists[0].Entries); got != "[10.0.0.0/8 172.16.0.0/12]" {
			t.Errorf("%s: %s", name, got)
		}
	}
	a := &Account{}
	if err := a.Read("d.json", strings.NewReader(`{"PrefixLists": [{"PrefixListId": "pl-0123456789abcdef0", "Cidrs": ["10.0.0.0/8"]}]}`)); err != nil {
		t.Fatal(err)
	}
	const want = "pl-0123456789abcdef0.json:1:23: 172.16.0.0/12 is not among the entries of prefix list pl-0123456789abcdef0 that were read before"
	if err := a.Read("pl-0123456789abcdef0.json", strings.NewReader(second)); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
