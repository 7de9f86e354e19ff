package sg

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lablab/packet"
)

func readTexts(t *testing.T, files ...string) *Account {
	t.Helper()
	a := &Account{}
	for _, file := range files {
		if err := a.Read("file", strings.NewReader(file)); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// A network ACL guards the interfaces in its subnets, whichever file is read first.
func TestNetworkACLs(t *testing.T) {
	interfaces := `{"NetworkInterfaces": [
	 {"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": []}, {"NetworkInterfaceId": "eni-2", "SubnetId": "subnet-2", "Groups": []}]}`
	acls := `{"NetworkAcls": [{"NetworkAclId": "acl-1", "Associations": [{"NetworkAclAssociationId": "aclassoc-1", "SubnetId": "subnet-1"}], "Entries": [
	 {"CidrBlock": "0.0.0.0/0", "Egress": true, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100},
	 {"CidrBlock": "0.0.0.0/0", "Egress": true, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767},
	 {"CidrBlock": "0.0.0.0/0", "Egress": false, "Protocol": "6", "PortRange": {"From": 443, "To": 443}, "RuleAction": "allow", "RuleNumber": 110},
	 {"CidrBlock": "203.0.113.0/24", "Egress": false, "Protocol": "1", "IcmpTypeCode": {"Code": -1, "Type": 8}, "RuleAction": "deny", "RuleNumber": 90},
	 {"Ipv6CidrBlock": "::/0", "Egress": false, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32768}], "IsDefault": false}]}`
	want := []string{"ingress 90 deny icmp type 8 203.0.113.0/24", "ingress 110 allow tcp 443 0.0.0.0/0", "egress 100 allow all 0.0.0.0/0"}
	single := strings.TrimSuffix(strings.TrimPrefix(acls, `{"NetworkAcls": [`), "]}")
	for _, files := range [][]string{{interfaces, acls}, {acls, interfaces}, {interfaces, single}} {
		a := readTexts(t, files...)
		one, _ := a.Interface("eni-1")
		if one.ACL == nil || !slices.Equal(one.ACL.Lines(), want) {
			t.Errorf("the ACL of eni-1 is %v", one.ACL)
		}
		if two, _ := a.Interface("eni-2"); two.ACL != nil {
			t.Errorf("eni-2 has %v", two.ACL)
		}
	}
}

// What EC2 lists as stale matches nothing, and raises no doubt.
func TestStaleSecurityGroups(t *testing.T) {
	a := readTexts(t, `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1",
	  "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1", "VpcPeeringConnectionId": "pcx-1"}, {"GroupId": "sg-1", "UserId": "1"}]}]}]}`,
		`{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-9", "PrivateIpAddress": "10.9.0.9", "Groups": [{"GroupId": "sg-9"}]}]}`,
		`{"StaleSecurityGroupSet": [{"GroupId": "sg-1", "GroupName": "web", "VpcId": "vpc-1", "StaleIpPermissionsEgress": [], "StaleIpPermissions": [
	  {"IpProtocol": "-1", "IpRanges": [], "PrefixListIds": [], "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1", "VpcPeeringConnectionId": "pcx-1"}]}]}]}`)
	p := Packet{Protocol: packet.TCP, Peer: netip.MustParseAddr("10.9.0.9"), To: 80}
	if _, admitted := a.Judge(a.Groups, packet.Ingress, p); admitted || len(a.Index(a.Groups).Doubts(packet.Ingress, p)) > 0 {
		t.Error("a stale rule matches, or may match")
	}
	audit := a.Audit()
	if len(audit.Problems) != 1 || audit.Problems[0].Reason.String() != "EC2 lists the rule as stale: group sg-9 cannot be reached any more" {
		t.Errorf("problems: %v", audit.Problems)
	}
}

// A reference over a peering connection holds while that is active.
func TestPeeringStatus(t *testing.T) {
	for _, status := range []string{"active", "", "deleted", "rejected", "pending-acceptance"} {
		a := readTexts(t, `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1",
		  "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1", "VpcPeeringConnectionId": "pcx-1", "PeeringStatus": "`+status+`"}]}]}]}`,
			`{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-9", "PrivateIpAddress": "10.9.0.9", "Groups": [{"GroupId": "sg-9"}]}]}`)
		p := Packet{Protocol: packet.TCP, Peer: netip.MustParseAddr("10.9.0.9"), To: 80}
		_, admitted := a.Judge(a.Groups, packet.Ingress, p)
		peers, reason := a.Peers(GroupRule{"sg-1", packet.Ingress, a.Groups[0].Ingress[0]})
		if want := status == "active" || status == ""; admitted != want || reason.Empty() != want || (len(peers) > 0) != want {
			t.Errorf("%q: admitted %v, peers %v, reason %q", status, admitted, peers, reason)
		}
	}
}

func TestVPCAssociations(t *testing.T) {
	a := readTexts(t, `{"SecurityGroupVpcAssociations": [{"GroupId": "sg-1", "VpcId": "vpc-1", "State": "associated"},
	 {"GroupId": "sg-1", "VpcId": "vpc-2", "State": "disassociated"}]}`)
	if len(a.Notes) != 1 || a.Notes[0].Text.String() != `group sg-1 is not associated with VPC vpc-2: "disassociated"` {
		t.Errorf("notes: %v", a.Notes)
	}
}

func TestInstanceTypes(t *testing.T) {
	a := readTexts(t, `{"InstanceTypes": [{"InstanceType": "m8i.large", "NetworkInfo": {"ConnectionTrackingConfiguration":
	 {"DefaultTcpEstablishedTimeout": 350, "DefaultUdpStreamTimeout": 180, "DefaultUdpTimeout": 31}}}, {"InstanceType": "t3.nano"}]}`)
	want := Nitro()
	want.Profile, want.TCPEstablished, want.UDP = "m8i.large", 350*time.Second, 31*time.Second
	if got, found := a.TimeoutsOf("m8i.large"); !found || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, found := a.TimeoutsOf("t3.nano"); !found || got.TCPEstablished != Nitro().TCPEstablished {
		t.Errorf("t3.nano: %+v", got)
	}
	if _, found := a.TimeoutsOf("m9"); found {
		t.Error("m9 was never read")
	}
}
