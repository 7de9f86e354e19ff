package sg

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
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
		{Authorize{Group: "web", Direction: "sideways", Rules: []Rule{{ID: "x"}}}, Malformed, `authorize in group web: InvalidPermission.Malformed: "sideways" is not a direction: ingress or egress`},
		{Authorize{Group: "web", Direction: packet.Ingress, Rules: []Rule{{ID: "x", Protocol: packet.All, Reference: Reference{GroupID: "app"}}}}, GroupNotFound, "authorize in group web: InvalidGroup.NotFound: The security group 'app' does not exist"},
		{Authorize{IDs: []string{"ssh"}}, RuleNotFound, "authorize in group : InvalidSecurityGroupRuleId.NotFound: The security group rule ID 'ssh' was revoked from no group, or from several"},
		{Authorize{Group: "web", IDs: []string{"ssh"}}, RuleNotFound, "authorize in group web: InvalidSecurityGroupRuleId.NotFound: The security group rule ID 'ssh' was not revoked here"},
		{Revoke{Group: "web", IDs: []string{"ssh", "ssh"}}, RuleNotFound, "revoke from group web: InvalidSecurityGroupRuleId.NotFound: The security group rule ID 'ssh' does not exist"},
		{Revoke{Group: "web", Direction: packet.Egress, Rules: []Rule{{Protocol: packet.All, Peer: prefix("0.0.0.0/0")}}}, NotFound, "revoke from group web: InvalidPermission.NotFound: The specified rule does not exist in this security group."},
		{Attach{"A", []string{"app"}}, GroupNotFound, "change the groups of A: InvalidGroup.NotFound: The security group 'app' does not exist"},
		{Attach{"A", []string{"web", "web"}}, "", "change the groups of A: group web is named twice"},
		{Attach{"C", nil}, "", "change the groups of C: there is no interface C"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 1}}}}, "", "set network ACL: rule 1 has no address range"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 1, Peer: prefix("::/0")}, {Number: 1, Peer: prefix("::/0")}}}}, "", "set network ACL: rule 1 is given twice"},
		{SetACL{"A", &ACL{Egress: []ACLRule{{Number: 40000, Peer: prefix("::/0")}}}}, "", "set network ACL: rule 40000: the number must be from 1 to 32766"},
		{ModifyPrefixList{PrefixList: "pl-2"}, PrefixListNotFound, "InvalidPrefixListID.NotFound: The prefix list (pl-2) does not exist."},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("fd00::/8")}}, "", "prefix list pl-1 takes IPv4 entries only, not fd00::/8"},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("10.9.9.9/8")}}, "", "prefix list pl-1 already has an entry 10.0.0.0/8"},
		{ModifyPrefixList{PrefixList: "pl-1", Remove: []netip.Prefix{prefix("10.0.0.0/9")}}, "", "prefix list pl-1 has no entry 10.0.0.0/9"},
		{ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{prefix("192.0.2.0/24"), prefix("203.0.113.0/24")}}, "", "prefix list pl-1 has room for 2 entries"},
		{ModifyPrefixList{PrefixList: "pl-1", Add: make([]netip.Prefix, 101)}, InvalidValue, "InvalidParameterValue: The number of entries per request cannot exceeds limit (100)."},
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
