package sg

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"lablab/packet"
)

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

// policy returns an account with a group of two rules, a prefix list and two interfaces.
func policy() *Account {
	a := &Account{
		Groups: []*Group{
			{ID: "web", Ingress: []Rule{{ID: "https", Protocol: packet.TCP, From: 443, To: 443, Peer: prefix("0.0.0.0/0")}, {ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, PrefixList: "pl-1"}}},
			{ID: "db"},
		},
		PrefixLists: []PrefixList{{ID: "pl-1", AddressFamily: "IPv4", MaxEntries: 2, Known: true, Entries: []netip.Prefix{prefix("10.0.0.0/8")}}},
	}
	a.Attach(Interface{ID: "A", Groups: []string{"web"}})
	a.Attach(Interface{ID: "B", Groups: []string{"web", "db"}})
	return a
}

func TestApply(t *testing.T) {
	dns := Rule{ID: "dns", Protocol: packet.UDP, From: 53, To: 53, Peer: prefix("10.1.2.3/8")}
	ssh := policy().Groups[0].Ingress[1]
	for name, test := range map[string]struct {
		changes []Change
		want    Delta
	}{
		"nothing":   {nil, Delta{}},
		"authorize": {[]Change{Authorize{Group: "db", Direction: packet.Egress, Rules: []Rule{dns}}}, Delta{Authorized: []GroupRule{{"db", packet.Egress, Rule{ID: "dns", Protocol: packet.UDP, From: 53, To: 53, Peer: prefix("10.0.0.0/8")}}}}},
		"revoke":    {[]Change{Revoke{Group: "web", IDs: []string{"ssh"}}}, Delta{Revoked: []GroupRule{{"web", packet.Ingress, ssh}}}},
		"revoke what says the same": {
			[]Change{Revoke{Group: "web", Direction: packet.Ingress, Rules: []Rule{{Protocol: packet.TCP, From: 22, To: 22, PrefixList: "pl-1"}}}},
			Delta{Revoked: []GroupRule{{"web", packet.Ingress, ssh}}},
		},
		"revoke, and authorize again by the id alone": {[]Change{Revoke{Group: "web", IDs: []string{"ssh"}}, Authorize{IDs: []string{"ssh"}}}, Delta{}},
		"other groups": {[]Change{Attach{"A", []string{"db"}}}, Delta{Attached: []Attach{{"A", []string{"db"}}}}},
		"an ACL, its rules out of order": {
			[]Change{SetACL{"A", &ACL{Ingress: []ACLRule{{Number: 200, Peer: prefix("0.0.0.0/0")}, {Number: 100, Peer: prefix("10.0.0.0/8")}}}}},
			Delta{ACLs: []SetACL{{"A", &ACL{Ingress: []ACLRule{{Number: 100, Peer: prefix("10.0.0.0/8")}, {Number: 200, Peer: prefix("0.0.0.0/0")}}}}}},
		},
		"the same ACL twice": {[]Change{SetACL{"A", &ACL{}}, SetACL{"A", nil}}, Delta{}},
		"a prefix list": {
			[]Change{ModifyPrefixList{PrefixList: "pl-1", Remove: []netip.Prefix{prefix("10.0.0.0/8")}, Add: []netip.Prefix{prefix("192.0.2.0/24"), prefix("203.0.113.0/24")}}},
			Delta{PrefixLists: []ModifyPrefixList{{"pl-1", []netip.Prefix{prefix("10.0.0.0/8")}, []netip.Prefix{prefix("192.0.2.0/24"), prefix("203.0.113.0/24")}}}},
		},
	} {
		from := policy()
		to, err := from.Apply(test.changes...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := Diff(from, to); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
		if !reflect.DeepEqual(from, policy()) {
			t.Errorf("%s: the account it began with is another now", name)
		}
	}
}

// If one of several changes is rejected, none is made, and EC2's own code says why.
func TestApplyRefuses(t *testing.T) {
	for _, test := range []struct {
		change Change
		code   string
		want   string
	}{
		{Authorize{Group: "app", Rules: []Rule{{}}}, GroupNotFound, "authorize in group app: InvalidGroup.NotFound: The security group 'app' does not exist"},
		{Authorize{Group: "web", Direction: "sideways", Rules: []Rule{{ID: "x"}}}, Malformed, `authorize in group web: InvalidPermission.Malformed: "sideways" is not a direction: choose ingress or egress`},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{ID: "x", Protocol: packet.All, Reference: Reference{GroupID: "app"}}}}, GroupNotFound, "authorize in group web: InvalidGroup.NotFound: The security group 'app' does not exist"},
		{Authorize{IDs: []string{"ssh"}}, RuleNotFound, "authorize: InvalidSecurityGroupRuleId.NotFound: The security group rule ID 'ssh' was revoked from no group, or from several"},
		{Authorize{Group: "web", IDs: []string{"ssh"}}, Duplicate, `authorize in group web: InvalidPermission.Duplicate: the specified rule "peer: pl-1, TCP, from port: 22, to port: 22, ALLOW" already exists`},
		{Authorize{Group: "web", IDs: []string{"dns"}}, RuleNotFound, "authorize in group web: InvalidSecurityGroupRuleId.NotFound: The security group rule ID 'dns' was not revoked here"},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{ID: "x", Protocol: packet.All, PrefixList: "pl-2"}}}, PrefixListNotFound, "authorize in group web: InvalidPrefixListID.NotFound: The prefix list (pl-2) does not exist."},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{}}}, Malformed, "authorize in group web: InvalidPermission.Malformed: rule 1 has no id"},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{ID: "acl-1"}}}, Malformed, `authorize in group web: InvalidPermission.Malformed: rule 1 has an id that lablab uses itself: "acl-1"`},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{ID: strings.Repeat("x", 129)}}}, Malformed, "authorize in group web: InvalidPermission.Malformed: rule 1 has an id of more than 128 bytes"},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{ID: "x\x1b"}}}, Malformed, `authorize in group web: InvalidPermission.Malformed: rule 1 has a name with characters that cannot be shown: "x\x1b"`},
		{Revoke{Group: "web", IDs: []string{"ssh", "ssh"}}, RuleNotFound, "revoke from group web: InvalidSecurityGroupRuleId.NotFound: The security group rule ID 'ssh' does not exist"},
		{Revoke{Group: "web", Direction: packet.Egress, Rules: []Rule{{Protocol: packet.All, Peer: prefix("0.0.0.0/0")}}}, NotFound, "revoke from group web: InvalidPermission.NotFound: The specified rule does not exist in this security group."},
		{Attach{"A", []string{"app"}}, GroupNotFound, "change the groups of A: InvalidGroup.NotFound: The security group 'app' does not exist"},
		{Attach{"A", []string{"web", "web"}}, "", "change the groups of A: group web is named twice"},
		{Attach{"C", nil}, "", "change the groups of C: there is no interface C"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 1}}}}, "", "set network ACL: rule 1 has no address range"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 1, Peer: prefix("::/0")}, {Number: 1, Peer: prefix("::/0")}}}}, "", "set network ACL: rule 1 is given twice"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 40000, Peer: prefix("::/0")}}}}, "", "set network ACL: rule 40000: the number must be from 1 to 32766"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 1, Protocol: packet.TCP, From: 70000, To: 70000, Peer: prefix("::/0")}}}}, Malformed, "set network ACL: rule 1: InvalidPermission.Malformed: 70000-70000 is not a range from 0 to 65535"},
		{ModifyPrefixList{PrefixList: "pl-2"}, PrefixListNotFound, "change prefix list pl-2: InvalidPrefixListID.NotFound: The prefix list (pl-2) does not exist."},
		{ModifyPrefixList{PrefixList: "pl-1"}, "", "change prefix list pl-1: no entry to add or remove"},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("fd00::/8")}}, "", "change prefix list pl-1: it takes IPv4 entries only, not fd00::/8"},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{{}}}, InvalidValue, "change prefix list pl-1: InvalidParameterValue: The CIDR of an entry is missing or malformed."},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("10.9.9.9/8")}}, InvalidModification, "change prefix list pl-1: InvalidPrefixListModification: An entry with the CIDR (10.0.0.0/8) already exists."},
		{ModifyPrefixList{PrefixList: "pl-1", Remove: []netip.Prefix{prefix("10.0.0.0/9")}}, InvalidModification, "change prefix list pl-1: InvalidPrefixListModification: An entry with the CIDR (10.0.0.0/9) does not exist."},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("192.0.2.0/24"), prefix("203.0.113.0/24")}}, "", "change prefix list pl-1: it has room for 2 entries"},
		{ModifyPrefixList{PrefixList: "pl-1", Add: make([]netip.Prefix, 101)}, InvalidValue, "change prefix list pl-1: InvalidParameterValue: The number of entries per request cannot exceeds limit (100)."},
	} {
		from := policy()
		to, err := from.Apply(Revoke{Group: "web", IDs: []string{"https"}}, test.change)
		var ec2 *Error
		code := ""
		if errors.As(err, &ec2) {
			code = ec2.Code
		}
		if to != nil || code != test.code || fmt.Sprint(err) != test.want {
			t.Errorf("%+v: %v, code %q; want %s, code %q", test.change, err, code, test.want, test.code)
		}
		if !reflect.DeepEqual(from, policy()) {
			t.Errorf("%+v: the account has changed", test.change)
		}
	}
}

// A flow that an open rule admits is untracked as soon as both directions are open.
func TestNoLongerTracked(t *testing.T) {
	from := policy()
	to, err := from.Apply(Authorize{Group: "db", Direction: packet.Egress, Rules: []Rule{{ID: "out", Protocol: packet.All, From: Any, To: Any, Peer: prefix("0.0.0.0/0")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := NoLongerTracked(from, to, "A"); len(got) != 0 {
		t.Errorf("at A, which does not have the group: %+v", got)
	}
	if got := NoLongerTracked(from, to, "B"); len(got) == 0 {
		t.Error("at B: nothing")
	}
	if got := NoLongerTracked(to, from, "B"); len(got) != 0 {
		t.Errorf("back again: %+v", got)
	}
}

// A rule whose peer was not read can be authorized again, but no other rule like it.
func TestAuthorizeAgain(t *testing.T) {
	from := policy()
	far := Rule{ID: "far", Protocol: packet.All, From: Any, To: Any, PrefixList: "pl-9"}
	from.Groups[1].Ingress = []Rule{far}
	revoked, err := from.Apply(Revoke{Group: "db", IDs: []string{"far"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []Change{Authorize{IDs: []string{"far"}}, Authorize{Group: "db", Direction: packet.Ingress, Rules: []Rule{far}}} {
		to, err := revoked.Apply(again)
		if err != nil || !reflect.DeepEqual(Diff(revoked, to).Authorized, []GroupRule{{"db", packet.Ingress, far}}) || len(to.Revoked) != 0 {
			t.Errorf("%s: %v, still revoked %+v", again.Said(), err, to)
		}
	}
	other := far
	other.ID = "other"
	if _, err := revoked.Apply(Authorize{Group: "db", Direction: packet.Ingress, Rules: []Rule{other}}); err == nil {
		t.Error("another rule with that peer: no error")
	}
}

// The JSON form of changes means the same changes.
func TestChangesAsJSON(t *testing.T) {
	changes := Changes{
		Revoke{Group: "web", IDs: []string{"ssh"}},
		Authorize{Group: "db", Direction: packet.Egress, Rules: []Rule{{ID: "dns", Protocol: packet.UDP, From: 53, To: 53, Peer: prefix("10.0.0.0/8")}}},
		Attach{"A", []string{"db"}},
		SetACL{"A", &ACL{Ingress: []ACLRule{{Number: 100, Peer: prefix("10.0.0.0/8")}}}},
		SetACL{"B", nil},
		ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("192.0.2.0/24")}},
	}
	text, err := json.Marshal(changes)
	if err != nil {
		t.Fatal(err)
	}
	var read Changes
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(read, changes) {
		t.Errorf("%s: %v, read %+v", text, err, read)
	}
	for text, want := range map[string]string{
		`[{}]`: "change 1: want one member that says what kind of change it is",
		`[{"attach": {"interface": "A"}}, {"revoke": {}, "acl": {}}]`: "change 2: want one member that says what kind of change it is",
		`[{"move": {}}]`:                    `change 1: unknown kind "move": want authorize, revoke, attach, acl or prefix_list`,
		`[{"revoke": {"group_id": "web"}}]`: `change 1: json: unknown field "group_id"`,
	} {
		if err := json.Unmarshal([]byte(text), &read); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// An IPv6 range is the same however it is written, and ICMPv6 needs no type.
func TestSpellingsOfOneRange(t *testing.T) {
	a := readTexts(t, `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "icmpv6", "Ipv6Ranges": [{"CidrIpv6": "2001:DB8:0:0::7/32"}]}]}]}`)
	if got := a.Groups[0].Ingress[0].String(); got != "icmpv6 2001:db8::/32" {
		t.Errorf("read as %s", got)
	}
	for _, spelling := range []string{"2001:db8::/32", "2001:0db8::/32", "2001:DB8:0:0:0:0:0:1/32"} {
		rules, err := Permissions(`IpProtocol=58,FromPort=-1,ToPort=-1,Ipv6Ranges=[{CidrIpv6=` + spelling + `}]`)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Apply(Authorize{Group: "sg-1", Direction: packet.Ingress, Rules: rules})
		var duplicate *Error
		if !errors.As(err, &duplicate) || duplicate.Code != "InvalidPermission.Duplicate" {
			t.Errorf("%s: got %v", spelling, err)
		}
	}
}
