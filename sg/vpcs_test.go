package sg

import (
	"net/netip"
	"testing"

	"lablab/packet"
)

// A reference to a group of another VPC holds as long as something carries it there.
func TestReferencesAcrossVPCs(t *testing.T) {
	const (
		groups = `{"SecurityGroups": [
		 {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1", "VpcId": "vpc-9"}]}],
		  "IpPermissionsEgress": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1", "VpcId": "vpc-9"}]}]},
		 {"GroupId": "sg-2", "VpcId": "vpc-1", "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1", "VpcPeeringConnectionId": "pcx-1", "VpcId": "vpc-9", "PeeringStatus": "active"}]}]}]}`
		interfaces = `{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-9", "PrivateIpAddress": "10.9.0.9", "Groups": [{"GroupId": "sg-9"}]}]}`
	)
	gateway := func(state, references string) string {
		return `{"TransitGateways": [{"TransitGatewayId": "tgw-1", "State": "` + state + `", "Options": {"SecurityGroupReferencingSupport": "` + references + `"}}]}`
	}
	attached := func(id, vpc, state, references string) string {
		return `{"TransitGatewayVpcAttachments": [{"TransitGatewayAttachmentId": "` + id + `", "TransitGatewayId": "tgw-1", "VpcId": "` + vpc +
			`", "State": "` + state + `", "Options": {"SecurityGroupReferencingSupport": "` + references + `"}}]}`
	}
	one, nine := attached("tgw-attach-1", "vpc-1", "available", "enable"), attached("tgw-attach-9", "vpc-9", "available", "enable")
	associated := func(group, vpc, state string) string {
		return `{"SecurityGroupVpcAssociations": [{"GroupId": "` + group + `", "VpcId": "` + vpc + `", "State": "` + state + `"}]}`
	}
	const outbound = "transit gateway tgw-1 carries references in inbound rules only"
	for _, test := range []struct {
		name        string
		files       []string
		in, out     string // why the rules of sg-1 are not in force
		overPeering string // why that of sg-2 is not
		unknown     bool
	}{
		{"nothing is known", nil, "", "", "", false},
		{"over a gateway", []string{gateway("available", "enable"), one, nine}, "", outbound, "", false},
		{"over attachments to a gateway that was not read", []string{one, nine}, "", outbound, "", false},
		{"the gateway is deleted", []string{gateway("deleted", "enable"), one, nine}, "the rule is stale: transit gateway tgw-1 is deleted", "the rule is stale: transit gateway tgw-1 is deleted", "", false},
		{"the gateway carries no references", []string{one, nine, gateway("available", "disable")}, "the rule is stale: transit gateway tgw-1 does not carry references to security groups", "the rule is stale: transit gateway tgw-1 does not carry references to security groups", "", false},
		{"an attachment carries none", []string{gateway("available", "enable"), one, attached("tgw-attach-9", "vpc-9", "available", "disable")}, "the rule is stale: transit gateway attachment tgw-attach-9 does not carry references to security groups", "the rule is stale: transit gateway attachment tgw-attach-9 does not carry references to security groups", "", false},
		{"an attachment is deleted", []string{attached("tgw-attach-1", "vpc-1", "deleted", ""), nine}, "the rule is stale: transit gateway attachment tgw-attach-1 is deleted", "the rule is stale: transit gateway attachment tgw-attach-1 is deleted", "", false},
		{"attached again", []string{attached("tgw-attach-0", "vpc-1", "deleted", ""), one, attached("tgw-attach-2", "vpc-1", "deleted", ""), nine}, "", outbound, "", false},
		{"one VPC is attached", []string{gateway("deleted", "enable"), one}, "", "", "", false},
		{"associated", []string{associated("sg-9", "vpc-1", "associated")}, "", "", "", false},
		{"associated the other way", []string{associated("sg-1", "vpc-9", "disassociation-failed"), gateway("deleted", ""), one, nine}, "", "", "", false},
		{"no longer associated", []string{associated("sg-9", "vpc-1", "disassociated")}, "the rule is stale: group sg-9 is not associated with VPC vpc-1 any more (disassociated)", "the rule is stale: group sg-9 is not associated with VPC vpc-1 any more (disassociated)", "", false},
		{"no longer associated, but attached", []string{associated("sg-9", "vpc-1", "disassociated"), one, nine}, "", outbound, "", false},
		{"soon no longer associated", []string{associated("sg-9", "vpc-1", "disassociating")}, "whether the rule is in force is unknown: group sg-9 is disassociating with VPC vpc-1", "whether the rule is in force is unknown: group sg-9 is disassociating with VPC vpc-1", "", true},
		{"another group is not associated", []string{associated("sg-8", "vpc-1", "disassociated")}, "", "", "", false},
		{"the peering connection is deleted", []string{`{"VpcPeeringConnections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "deleted", "Message": "Deleted"}}]}`}, "", "", "the rule is stale: peering connection pcx-1 is deleted", false},
		{"the peering connection is active", []string{`{"VpcPeeringConnections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active", "Message": "Active"}}]}`}, "", "", "", false},
		{"stale for one group of two", []string{`{"StaleSecurityGroupSet": [{"GroupId": "sg-1", "StaleIpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": "1"}]}], "StaleIpPermissionsEgress": []}]}`}, "EC2 lists the rule as stale: group sg-9 cannot be reached any more", "", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := readTexts(t, append([]string{groups, interfaces}, test.files...)...)
			p := Packet{Protocol: packet.TCP, Peer: netip.MustParseAddr("10.9.0.9"), To: 80}
			for _, rule := range []struct {
				group string
				d     packet.Direction
				want  string
			}{{"sg-1", packet.Ingress, test.in}, {"sg-1", packet.Egress, test.out}, {"sg-2", packet.Ingress, test.overPeering}} {
				g := a.Group(rule.group)
				peers, reason := a.Peers(GroupRule{rule.group, rule.d, g.Rules(rule.d)[0]})
				if reason.String() != rule.want || (len(peers) > 0) != (rule.want == "") {
					t.Errorf("%s of %s: peers %v, reason %q; want %q", rule.d, rule.group, peers, reason, rule.want)
				}
				if _, admitted := a.Judge([]*Group{g}, rule.d, p); admitted != (rule.want == "") {
					t.Errorf("%s of %s: admitted %v", rule.d, rule.group, admitted)
				}
				if doubts := a.Index([]*Group{g}).Doubts(rule.d, p); (len(doubts) > 0) != (test.unknown && rule.want != "") {
					t.Errorf("%s of %s: doubts %v", rule.d, rule.group, doubts)
				}
			}
		})
	}
}

// EC2 names no owner of a group that is gone: that is known without any interface, unless the file is
// one that names no owners at all.
func TestDeletedGroup(t *testing.T) {
	a := readTexts(t, `{"SecurityGroups": [{"GroupId": "sg-1", "OwnerId": "1", "IpPermissions": [{"IpProtocol": "-1",
	  "UserIdGroupPairs": [{"GroupId": "sg-gone"}, {"GroupId": "sg-other", "UserId": "1"}, {"GroupId": "sg-1"}]}]}]}`)
	for i, want := range []string{
		"group sg-gone was deleted: the rule is stale",
		"the members of group sg-other are unknown: no network interfaces were read",
		"the members of group sg-1 are unknown: no network interfaces were read",
	} {
		if _, reason := a.Peers(GroupRule{"sg-1", packet.Ingress, a.Groups[0].Ingress[i]}); reason.String() != want {
			t.Errorf("got %q, want %q", reason, want)
		}
	}
	a = readTexts(t, `{"SecurityGroupRules": [{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "-1", "ReferencedGroupId": "sg-2"}]}`)
	const unknown = "the members of group sg-2 are unknown: no network interfaces were read"
	if got := a.Audit().Problems[0].Reason.String(); got != unknown {
		t.Errorf("got %q, want %q", got, unknown)
	}
}
