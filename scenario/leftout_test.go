package scenario_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/scenario"
)

// A rule that refers to a group is left out unless a host of the scenario has that group, at any
// time.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	const groups = `{"SecurityGroups": [
{"GroupId": "sg-1", "GroupName": "web", "IpPermissionsEgress": [], "IpPermissions": [
  {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
  {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}]},
{"GroupId": "sg-2", "GroupName": "later", "IpPermissionsEgress": [], "IpPermissions": [
  {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "PrefixListIds": [{"PrefixListId": "pl-1"}]}]}]}`
	const never = "sg-1:in:2.1: the members of group sg-2 are unknown: no network interfaces were read"
	for name, c := range map[string]struct {
		do   string
		want []string
	}{
		"no host has the group":  {"{ ping: A, from: B, as: p }", []string{never}},
		"a host gets it":         {"{ ping: A, from: B, as: p }, { groups: [later], of: B }", []string{"sg-2:in:1.1: prefix list pl-1 was not read"}},
		"a host loses its group": {"{ ping: A, from: B, as: p }, { groups: [], of: A }", []string{never}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, err := scenario.Read("s.yaml", []byte(`name: s
title: A group from a file
hosts: { A: { address: 10.0.0.1/24, groups: [web] }, B: { address: 10.0.0.2/24 } }
groups: { web: { file: g.json, id: sg-1 }, later: { file: g.json, id: sg-2 }, own: { ingress: [{ protocol: all, source_group: nobody }] }, nobody: {} }
experiments: [{ title: x, do: [`+c.do+`], for: 1, expect: { p: { replied: all } } }]
`), func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(groups)), nil })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range sc.LeftOut {
				got = append(got, f.Said().String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}
