package sg

import (
	"fmt"
	"testing"

	"lablab/packet"
)

// A rule that names its peer means a group of its own VPC: each has one named "default".
func TestGroupsByName(t *testing.T) {
	const group = `{"GroupId": %q, "GroupName": %q, "VpcId": %q, "OwnerId": %q, "IpPermissionsEgress": [], "IpPermissions": [
	 {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupName": "default"%s}]}]}`
	a := readTexts(t, "["+
		fmt.Sprintf(group, "sg-1", "default", "vpc-1", "1", "")+","+
		fmt.Sprintf(group, "sg-2", "default", "vpc-2", "1", "")+","+
		fmt.Sprintf(group, "sg-3", "web", "vpc-2", "1", "")+","+
		fmt.Sprintf(group, "sg-4", "other", "vpc-3", "1", "")+","+
		fmt.Sprintf(group, "sg-5", "peer", "vpc-3", "1", `, "VpcId": "vpc-1"`)+","+
		fmt.Sprintf(group, "sg-6", "foreign", "vpc-2", "1", `, "UserId": "2"`)+","+
		fmt.Sprintf(group, "sg-7", "of no VPC", "", "1", "")+"]",
		`{"NetworkInterfaces": [
		 {"NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-1"}], "PrivateIpAddress": "10.0.0.1"},
		 {"NetworkInterfaceId": "eni-2", "Groups": [{"GroupId": "sg-2"}], "PrivateIpAddress": "10.0.0.2"}]}`)
	for _, test := range []struct{ group, want string }{
		{"sg-1", "[10.0.0.1/32]"},
		{"sg-2", "[10.0.0.2/32]"},
		{"sg-3", "[10.0.0.2/32]"},
		{"sg-4", `no group named "default" was read`},
		{"sg-5", "[10.0.0.1/32]"},
		{"sg-6", `no group named "default" was read`},
		{"sg-7", `more than one group is named "default"`},
	} {
		rule := GroupRule{test.group, packet.Ingress, a.Group(test.group).Ingress[0]}
		for name, l := range map[string]lookup{"one": {Account: a}, "all": a.indexed()} {
			peers, reason, _ := l.peers(rule)
			got := fmt.Sprint(peers)
			if !reason.Empty() {
				got = reason.String()
			}
			if got != test.want {
				t.Errorf("%s, looking up %s: %s, want %s", test.group, name, got, test.want)
			}
		}
	}
}
