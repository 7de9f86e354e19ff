package plan

import (
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/packet"
	"lablab/sg"
)

// account returns an account with two groups, a host that has the first, and a prefix list.
func account() *sg.Account {
	return &sg.Account{
		Groups: []*sg.Group{
			{ID: "sg-1", Name: "web", VPC: "vpc-1", Ingress: []sg.Rule{tcp("sgr-1", 443, "10.0.0.0/16"), {ID: "sgr-2", Protocol: packet.TCP, From: 22, To: 22, PrefixList: "pl-1"}}},
			{ID: "sg-2", Name: "db", VPC: "vpc-1", Ingress: []sg.Rule{{ID: "sgr-3", Protocol: packet.TCP, From: 5432, To: 5432, Reference: sg.Reference{GroupID: "sg-3"}}}},
			{ID: "sg-3", Name: "app", VPC: "vpc-1"},
			{ID: "sg-4", Name: "default", VPC: "vpc-1"},
		},
		Interfaces:  []sg.Interface{{ID: "eni-1", Subnet: "subnet-1", Groups: []string{"sg-1"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.10")}}},
		PrefixLists: []sg.PrefixList{{ID: "pl-1", AddressFamily: "IPv4", Entries: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, Known: true, MaxEntries: 2}},
	}
}

// EC2's errors, of calls on an account that is known.
func TestErrorsOfEC2(t *testing.T) {
	entry := sg.ACLRule{Number: 100, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}
	for _, test := range []struct {
		name string
		o    operation
		want string
	}{
		{"a new rule", authorize{"sg-1", packet.Ingress, []sg.Rule{tcp("x", 443, "10.1.0.0/16")}}, ""},
		{"a rule that is there, with host bits", authorize{"sg-1", packet.Ingress, []sg.Rule{tcp("x", 443, "10.0.9.9/16")}}, sg.Duplicate},
		{"one rule too many", authorize{"sg-1", packet.Ingress, []sg.Rule{tcp("x", 80, "10.0.0.0/16"), tcp("y", 81, "10.0.0.0/16")}}, tooManyRules},
		{"no such group", authorize{"sg-9", packet.Ingress, nil}, sg.GroupNotFound},
		{"a group that does not exist yet", authorize{"sg-1", packet.Ingress, []sg.Rule{{Protocol: packet.All, From: sg.Any, To: sg.Any, Reference: sg.Reference{GroupID: "new"}}}}, sg.GroupNotFound},
		{"revoke by content", revoke{"sg-1", packet.Ingress, []sg.Rule{tcp("", 443, "10.0.0.0/16")}}, ""},
		{"revoke another range", revoke{"sg-1", packet.Ingress, []sg.Rule{tcp("", 443, "10.0.0.0/8")}}, sg.NotFound},
		{"revoke an id", revoke{"sg-1", packet.Ingress, []sg.Rule{{ID: "sgr-1"}}}, ""},
		{"revoke an unknown id", revoke{"sg-1", packet.Ingress, []sg.Rule{{ID: "sgr-9"}}}, sg.RuleNotFound},
		{"modify", modifyRules{group: "sg-1", rules: []sg.Rule{tcp("sgr-1", 443, "10.0.0.0/8")}}, ""},
		{"modify to a rule that is there", modifyRules{group: "sg-1", rules: []sg.Rule{{ID: "sgr-1", Protocol: packet.TCP, From: 22, To: 22, PrefixList: "pl-1"}}}, sg.Duplicate},
		{"delete a group", deleteGroup{"sg-2"}, ""},
		{"delete a group that is attached", deleteGroup{"sg-1"}, dependencyViolation},
		{"delete a group that a rule names", deleteGroup{"sg-3"}, dependencyViolation},
		{"delete a default group", deleteGroup{"sg-4"}, "CannotDelete"},
		{"create a group", createGroup{id: "new", name: "new", vpc: "vpc-1"}, ""},
		{"create a group with a name that is taken", createGroup{id: "new", name: "web", vpc: "vpc-1"}, groupDuplicate},
		{"the same name in another VPC", createGroup{id: "new", name: "web", vpc: "vpc-2"}, ""},
		{"attach a group that does not exist", attach{target: "eni-1", groups: []string{"new"}}, sg.GroupNotFound},
		{"an entry more", entries{list: "pl-1", add: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}}, ""},
		{"an entry that is not there", entries{list: "pl-1", remove: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}, sg.InvalidModification},
		{"delete a list that a rule names", deleteList{"pl-1"}, dependencyViolation},
		{"an entry of an ACL", aclEntry{"acl-1", packet.Egress, entry, createEntry}, ""},
		{"an entry that exists", aclEntry{"acl-1", packet.Ingress, entry, createEntry}, entryExists},
		{"an entry that does not", aclEntry{"acl-1", packet.Egress, entry, deleteEntry}, entryNotFound},
		{"an ACL that does not exist", aclEntry{"acl-9", packet.Egress, entry, createEntry}, aclNotFound},
		{"an ACL in use", deleteACL{"acl-1"}, dependencyViolation},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newState(account())
			s.quota = 4
			s.absent["new"], s.absent["acl-9"] = true, true
			s.acls["acl-1"], s.guards["subnet-1"] = sg.ACL{Ingress: []sg.ACLRule{entry}}, "acl-1"
			before := have(s.account)
			to := s.clone()
			if err := test.o.apply(to); code(err) != test.want || test.want == "" && err != nil {
				t.Errorf("%v, want %q", err, test.want)
			}
			if diff := cmp.Diff(before, have(s.account)); diff != "" {
				t.Errorf("the state before changed:\n%s", diff)
			}
		})
	}
}

// A network ACL guards the interfaces of its subnets.
func TestNetworkACLsReachInterfaces(t *testing.T) {
	p := sample(t, "acl")
	run := p.Run()
	i, found := run[len(run)-1].Account.Interface("eni-1")
	if !found || i.ACL == nil || len(i.ACL.Ingress) != 2 || i.ACL.Ingress[0].Peer.String() != "10.0.0.0/16" {
		t.Errorf("%+v", i.ACL)
	}
	if run[len(run)-1].Result != Done {
		t.Errorf("%+v", run[len(run)-1])
	}
}

// What AWS says of the account counts more than the plan, and gives names to what the plan calls by
// its instance.
func TestAnAccountFromAWS(t *testing.T) {
	from, err := os.Open("testdata/swap.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	known := &sg.Account{
		Groups:     []*sg.Group{{ID: "sg-0000000000abc0001", Name: "old", Ingress: []sg.Rule{tcp("sgr-7", 443, "10.0.0.0/16"), tcp("sgr-8", 22, "192.0.2.0/24")}}},
		Interfaces: []sg.Interface{{ID: "eni-7", Groups: []string{"sg-0000000000abc0001"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.10")}}},
	}
	p, err := Read("swap", from, Options{Account: known})
	if err != nil {
		t.Fatal(err)
	}
	if i, found := p.Before.Interface("eni-7"); !found || len(p.Before.Interfaces) != 1 || len(i.Groups) != 1 {
		t.Errorf("%+v", p.Before.Interfaces)
	}
	if g := p.Before.Group("sg-0000000000abc0001"); g == nil || len(g.Ingress) != 2 {
		t.Errorf("%+v", g)
	}
	run := p.Run()
	if i, _ := run[len(run)-1].Account.Interface("eni-7"); len(i.Groups) != 1 || i.Groups[0] != "aws_security_group.new" {
		t.Errorf("%+v", i)
	}
}

// Changes of a scenario are calls too.
func TestOf(t *testing.T) {
	before := account()
	changes := []sg.Change{
		sg.Revoke{Group: "sg-1", IDs: []string{"sgr-1"}},
		sg.Attach{Interface: "eni-1", Groups: []string{"sg-2", "sg-3"}},
		sg.Authorize{Group: "sg-1", IDs: []string{"sgr-1"}},
		sg.Authorize{Group: "sg-2", Direction: packet.Egress, Rules: []sg.Rule{tcp("all", 443, "0.0.0.0/0")}},
		sg.ModifyPrefixList{PrefixList: "pl-1", Add: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}},
		sg.SetACL{Interface: "eni-1", ACL: &sg.ACL{}},
	}
	p := Of(before, changes...)
	want, err := before.Apply(changes...)
	if err != nil {
		t.Fatal(err)
	}
	run := p.Run()
	if diff := cmp.Diff(have(want), have(run[len(run)-1].Account)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"RevokeSecurityGroupIngress", "ModifyNetworkInterfaceAttribute", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "ModifyManagedPrefixList", "ReplaceNetworkAclAssociation"}, called(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Calls[1].Target() != "eni-1" || p.Calls[0].Group() != "sg-1" || len(p.Either()) > 0 {
		t.Errorf("%+v", p.Calls)
	}
}

// Two snapshots differ by calls whose order is chosen; at the end the account is the later one.
func TestCompare(t *testing.T) {
	after := account()
	after.Groups = []*sg.Group{
		{ID: "sg-1", Name: "web", VPC: "vpc-1", Ingress: []sg.Rule{tcp("sgr-1", 443, "10.0.0.0/8"), {ID: "sgr-2", Protocol: packet.TCP, From: 22, To: 22, PrefixList: "pl-1"}}, Egress: []sg.Rule{tcp("sgr-9", 443, "0.0.0.0/0")}},
		after.Groups[1], after.Groups[2], after.Groups[3],
		{ID: "sg-5", Name: "new", VPC: "vpc-1", Ingress: []sg.Rule{tcp("sgr-5", 80, "10.0.0.0/8")}},
	}
	after.Interfaces = append(after.Interfaces, sg.Interface{ID: "eni-2", Groups: []string{"sg-5"}})
	after.PrefixLists[0].Entries = []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}
	before := account()
	before.Groups = append(before.Groups, &sg.Group{ID: "sg-6", Name: "old"})
	before.Interfaces = append(before.Interfaces, sg.Interface{ID: "eni-3", Groups: []string{"sg-6"}})
	for _, test := range []struct {
		order SnapshotOrder
		first []string // the calls that change ingress of sg-1
	}{
		{RevokeFirst, []string{"RevokeSecurityGroupIngress", "AuthorizeSecurityGroupIngress"}},
		{AuthorizeFirst, []string{"AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"}},
		{AtOnce, []string{"ModifySecurityGroupRules"}},
	} {
		t.Run(string(test.order), func(t *testing.T) {
			p := Compare(before, after, test.order)
			run := p.Run()
			for _, o := range run {
				if o.Result != Done {
					t.Errorf("%s: %v", p.Calls[o.Call-1].Said(), o.Err)
				}
			}
			if diff := cmp.Diff(have(after), have(run[len(run)-1].Account)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var got []string
			for _, c := range p.Calls {
				if is := c.operation.about(); is.group == "sg-1" && c.Name != "AuthorizeSecurityGroupEgress" && len(is.changes) == 1 && c.Name[len(c.Name)-6:] != "Egress" {
					if s, is := c.operation.(swap); !is || s.direction == packet.Ingress {
						got = append(got, c.Name)
					}
				}
			}
			if diff := cmp.Diff(test.first, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A state is an account, without calls.
func TestTerraformState(t *testing.T) {
	from, err := os.Open("testdata/state.json")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	p, err := Read("state.json", from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"eni-0001 [sg-1]", "sg-1 egress all 0.0.0.0/0", "sg-1 ingress tcp 443 10.0.0.0/16"}
	if diff := cmp.Diff(want, have(p.Before)); diff != "" || p.Kind != TerraformState || len(p.Calls) > 0 || len(p.Resources) != 4 {
		t.Errorf("%s %s %d: %s", p.Kind, called(p), len(p.Resources), diff)
	}
}

// If AWS says that a rule is gone already, the provider goes on.
func TestARuleThatIsGone(t *testing.T) {
	from, err := os.Open("testdata/legacy.plan.json")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	p, err := Read("legacy", from, Options{Account: &sg.Account{Groups: []*sg.Group{{ID: "sg-0000000000abc0001", Name: "web"}}}})
	if err != nil {
		t.Fatal(err)
	}
	run := p.Run()
	if g := p.Before.Group("sg-0000000000abc0001"); len(g.Ingress) > 0 || len(run) != 2 || run[0].Result != Done || run[1].Result != Done {
		t.Errorf("%v: %+v", g.Ingress, run)
	}
}
