package sg_test

import (
	"fmt"
	"net/netip"
	"strings"

	"lablab/packet"
	"lablab/sg"
)

// What `aws ec2 describe-security-groups` prints.
const described = `{"SecurityGroups": [{
	"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1", "OwnerId": "123456789012",
	"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
	"IpPermissionsEgress": []
}]}`

// A change is a value: it gives a new account, or EC2's error.
func ExampleAccount_Apply() {
	before := new(sg.Account)
	if err := before.Read("groups.json", strings.NewReader(described)); err != nil {
		fmt.Println(err)
		return
	}
	https := sg.Rule{ID: "https", Protocol: packet.TCP, From: 443, To: 443, Peer: netip.MustParsePrefix("0.0.0.0/0")}
	change := sg.Authorize{Group: "sg-1", Direction: packet.Ingress, Rules: []sg.Rule{https}}
	after, err := before.Apply(change)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range sg.Diff(before, after).Authorized {
		fmt.Printf("%s: %s\n", rule.Group, rule)
	}
	syn := sg.Packet{Protocol: packet.TCP, Peer: netip.MustParseAddr("198.51.100.7"), To: 443}
	for _, account := range []*sg.Account{before, after} {
		_, allowed := account.Judge(account.Groups, packet.Ingress, syn)
		fmt.Println("allowed:", allowed)
	}
	_, err = after.Apply(change)
	fmt.Println(err)
	// Output:
	// sg-1: tcp 443 0.0.0.0/0
	// allowed: false
	// allowed: true
	// authorize in group sg-1: InvalidPermission.Duplicate: the specified rule "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW" already exists
}
