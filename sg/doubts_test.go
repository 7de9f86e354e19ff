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
		for _, doubt := range a.Index(a.Groups).Doubts(d, Packet{Protocol: test.protocol, Peer: netip.MustParseAddr(test.peer), To: test.port}) {
			got = append(got, doubt.Rule)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s %s %d: got %q, want %q", test.protocol, test.peer, test.port, got, test.want)
		}
	}
}

// What a file does not have makes the answer unknown: the rules of a direction, and what stands on
// pages that were not read.
func TestDoubtsAboutWhatIsMissing(t *testing.T) {
	const (
		rules     = `[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]`
		inbound   = `{"GroupId": "sg-1", "IpPermissions": ` + rules + `}`
		outbound  = `{"GroupId": "sg-1", "IpPermissionsEgress": ` + rules + `}`
		both      = `{"GroupId": "sg-1", "IpPermissions": ` + rules + `, "IpPermissionsEgress": ` + rules + `}`
		nulls     = `{"GroupId": "sg-1", "GroupName": "web", "IpPermissions": null, "IpPermissionsEgress": null}`
		names     = `{"GroupId": "sg-1", "GroupName": "web"}`
		rule      = `{"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": "0.0.0.0/0"}`
		reference = `{"GroupId": "sg-1", "IpPermissionsEgress": [], "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "1"}]}]}`
		list      = `{"GroupId": "sg-1", "IpPermissionsEgress": [], "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": "pl-12345678"}]}]}`
		one       = `{"NetworkInterfaceId": "eni-1", "Groups": [{"GroupId": "sg-1"}], "PrivateIpAddress": "10.0.0.1"}`
	)
	page := func(member, element, token string) string {
		return `{"` + member + `": [` + element + `], "NextToken": "` + token + `"}`
	}
	entries := func(token string) string { return page("Entries", `{"Cidr": "10.0.0.1/32"}`, token) }
	for _, test := range []struct {
		name    string
		files   []string
		in, out string // about packets that no rule allows; empty for none
		// A flow inbound or outbound to port 80 from the world may be untracked.
		untracked, untrackedOut bool
		never                   bool // a statement about the packets holds
	}{
		{"both", []string{both}, "", "", false, false, true},
		{"both are empty", []string{nulls}, "", "", false, false, true},
		{"inbound rules", []string{inbound}, "", "group sg-1 has no IpPermissionsEgress: its outbound rules are unknown", true, false, true},
		{"outbound rules", []string{outbound}, "group sg-1 has no IpPermissions: its inbound rules are unknown", "", false, true, false},
		{"a name", []string{names}, "group sg-1 has no IpPermissions:", "group sg-1 has no IpPermissionsEgress:", true, true, false},
		{"one after the other", []string{inbound, outbound}, "", "", false, false, true},
		{"one after both", []string{both, outbound}, "", "", false, false, true},
		{"both after one", []string{outbound, both}, "", "", false, false, true},
		{"a name and rules", []string{names, `[` + rule + `]`}, "", "", false, false, true},
		{"rules and a name", []string{`[` + rule + `]`, names}, "", "", false, false, true},
		{"a page of rules", []string{page("SecurityGroupRules", rule, "more")}, "this is incomplete", "this is incomplete", true, true, false},
		{"the last page of rules", []string{page("SecurityGroupRules", rule, "more"), page("SecurityGroupRules", "", "")}, "", "", false, false, true},
		{"a page of rules, and the group", []string{page("SecurityGroupRules", rule, "more"), both}, "", "", false, false, false},
		{"a page of groups", []string{page("SecurityGroups", both, "more")}, "", "", false, false, false},
		{"the last page of groups", []string{page("SecurityGroups", both, "more"), page("SecurityGroups", "", "")}, "", "", false, false, true},
		{"all interfaces", []string{reference, page("NetworkInterfaces", one, "")}, "", "", false, false, true},
		{"a page of interfaces", []string{reference, page("NetworkInterfaces", one, "more")}, "group sg-1 may have more members", "", false, false, false},
		{"all entries", []string{list, page("PrefixLists", `{"PrefixListId": "pl-12345678"}`, ""), entries("")}, "", "", false, false, true},
		{"a page of entries", []string{list, page("PrefixLists", `{"PrefixListId": "pl-12345678"}`, ""), entries("more")}, "prefix list pl-12345678 has more entries than were read", "", false, false, false},
		{"all pages of entries", []string{list, page("PrefixLists", `{"PrefixListId": "pl-12345678"}`, ""), entries("more") + entries("")}, "", "", false, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := readTexts(t, test.files...)
			p := Packet{Protocol: packet.TCP, Peer: netip.MustParseAddr("2001:db8::9"), To: 80}
			for d, want := range map[packet.Direction]string{packet.Ingress: test.in, packet.Egress: test.out} {
				doubts := a.Index(a.Groups).Doubts(d, p)
				if len(doubts) > 1 || (len(doubts) == 1) != (want != "") || want != "" && !strings.Contains(doubts[0].Reason.String(), want) {
					t.Errorf("%s: %v, want %q", d, doubts, want)
				}
			}
			p.Peer = netip.MustParseAddr("203.0.113.9")
			for d, want := range map[packet.Direction]bool{packet.Ingress: test.untracked, packet.Egress: test.untrackedOut} {
				if got := a.MayBeUntracked(a.Groups, d, p); got != want {
					t.Errorf("%s: may be untracked: %v", d, got)
				}
			}
			n, err := ParseNever("tcp 80 from 2001:db8::9")
			if err != nil {
				t.Fatal(err)
			}
			breaches, doubts := a.Breaches(n)
			if holds := len(doubts) == 0; len(breaches) > 0 || holds != test.never {
				t.Errorf("%s: breaches %v, doubts %v", n, breaches, doubts)
			}
		})
	}
}
