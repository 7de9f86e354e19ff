package sg

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// warnings returns what an audit warns of, without what it says of single rules.
func warnings(a *Account) (all []string) {
	for _, w := range a.Audit().Warnings {
		if w.Rule == "" {
			all = append(all, fmt.Sprintf("%s: %s", w.Subject(), w.Reason))
		}
	}
	return all
}

// permissionsFrom returns n permissions for one port each, all with the same source.
func permissionsFrom(n int, source string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"IpProtocol": "tcp", "FromPort": %d, "ToPort": %[1]d, %s}`, i+1, source))
	}
	return strings.Join(all, ", ")
}

// AWS's own prefix lists count with the weight that AWS documents, a customer's with its maximum size.
func TestPrefixListWeights(t *testing.T) {
	entries := `"Cidrs": ["192.0.2.0/28", "192.0.2.16/28", "192.0.2.32/28", "192.0.2.48/28", "192.0.2.64/28"]`
	for _, test := range []struct {
		list   string // what is known of it
		uses   int    // in as many rules
		counts int
		family string
	}{
		{`"PrefixListName": "com.amazonaws.eu-west-1.s3", ` + entries, 61, 61, "IPv4"},
		{`"PrefixListName": "com.amazonaws.eu-west-1.dynamodb", ` + entries, 61, 61, "IPv4"},
		{`"PrefixListName": "com.amazonaws.global.cloudfront.origin-facing", "OwnerId": "AWS", "AddressFamily": "IPv4"`, 2, 110, "IPv4"},
		{`"PrefixListName": "com.amazonaws.global.ipv6.cloudfront.origin-facing", "OwnerId": "AWS"`, 2, 110, "IPv6"},
		{`"PrefixListName": "com.amazonaws.global.groundstation", ` + entries, 13, 65, "IPv4"},
		{`"PrefixListName": "com.amazonaws.us-east-1.route53-healthchecks", ` + entries, 3, 75, "IPv4"},
		{`"PrefixListName": "com.amazonaws.us-east-1.s3express"`, 11, 66, "IPv4"},
		{`"PrefixListName": "com.amazonaws.us-east-1.ec2-instance-connect"`, 31, 62, "IPv4"},
		{`"PrefixListName": "com.amazonaws.us-east-1.ipv6.vpc-lattice", "AddressFamily": "IPv6"`, 7, 70, "IPv6"},
		{`"PrefixListName": "com.amazonaws.us-east-1.of-tomorrow", ` + entries, 61, 61, "IPv4"}, // at least
		{`"PrefixListName": "office", "OwnerId": "111122223333", "MaxEntries": 31, ` + entries, 2, 62, "IPv4"},
		{`"PrefixListName": "office", ` + entries, 13, 65, "IPv4"},
	} {
		group := `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [` + permissionsFrom(test.uses, `"PrefixListIds": [{"PrefixListId": "pl-1"}]`) + `]}]}`
		a := readTexts(t, `{"PrefixLists": [{"PrefixListId": "pl-1", `+test.list+`}]}`, group)
		want := []string{fmt.Sprintf("sg-1: %d ingress rules for %s; EC2 allows 60 unless the quota is raised", test.counts, test.family)}
		if diff := cmp.Diff(want, warnings(a)); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", test.list, diff)
		}
	}
}

// 58 rules and S3's list, of five ranges, are 59 rules.
func TestWeightIsNotTheNumberOfEntries(t *testing.T) {
	a := readTexts(t, `{"PrefixLists": [{"PrefixListId": "pl-1", "PrefixListName": "com.amazonaws.us-east-1.s3",
	  "Cidrs": ["192.0.2.0/28", "192.0.2.16/28", "192.0.2.32/28", "192.0.2.48/28", "192.0.2.64/28"]}]}`,
		`{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissionsEgress": [`+permissionsFrom(58, `"IpRanges": [{"CidrIp": "10.0.0.0/8"}]`)+
			`, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-1"}]}]}]}`)
	if got := warnings(a); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestQuotasOfInterfaces(t *testing.T) {
	for _, test := range []struct {
		groups, rules int // of the interface, of the last group
		want          []string
	}{
		{5, 60, nil},
		{6, 1, []string{"eni-1: 6 security groups; EC2 allows 5 unless the quota is raised"}},
		{5, 200, []string{"sg-5: 200 ingress rules for IPv4; EC2 allows 60 unless the quota is raised"}},
		{5, 201, []string{
			"sg-5: 201 ingress rules for IPv4; EC2 allows 60 unless the quota is raised",
			"eni-1: 5 security groups, and group sg-5 has 201 ingress rules for IPv4: EC2 allows no more than 1000 as the product",
		}},
	} {
		var groups, ids []string
		for n := range test.groups {
			rules := 1
			if n == test.groups-1 {
				rules = test.rules
			}
			groups = append(groups, fmt.Sprintf(`{"GroupId": "sg-%d", "IpPermissions": [%s]}`, n+1, permissionsFrom(rules, `"IpRanges": [{"CidrIp": "10.0.0.0/8"}]`)))
			ids = append(ids, fmt.Sprintf(`{"GroupId": "sg-%d"}`, n+1))
		}
		a := readTexts(t, `{"SecurityGroups": [`+strings.Join(groups, ", ")+`]}`,
			`{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Groups": [`+strings.Join(ids, ", ")+`]}]}`)
		if diff := cmp.Diff(test.want, warnings(a)); diff != "" {
			t.Errorf("%d groups, %d rules: want (-), got (+):\n%s", test.groups, test.rules, diff)
		}
	}
}
