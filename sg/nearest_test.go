package sg

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lablab/packet"
)

// A rule that names a group does not match a member's public address, and this is said.
func TestNearest(t *testing.T) {
	t.Parallel()
	const groups = `{"SecurityGroups": [
{"GroupId": "sg-1", "IpPermissions": [
  {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": "sg-2"}]},
  {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": "sg-3"}]}]},
{"GroupId": "sg-2"}, {"GroupId": "sg-3"}]}`
	const interfaces = `{"NetworkInterfaces": [
{"NetworkInterfaceId": "eni-2", "Groups": [{"GroupId": "sg-2"}], "PrivateIpAddress": "10.0.0.2", "Association": {"PublicIp": "203.0.113.2"}},
{"NetworkInterfaceId": "eni-9", "Groups": [{"GroupId": "sg-9"}], "PrivateIpAddresses": [{"PrivateIpAddress": "203.0.113.9", "Association": {"PublicIp": "203.0.113.10"}}]}]}`
	read := func(files ...string) *Account {
		a := &Account{}
		for _, text := range files {
			if err := a.Read("file", strings.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		return a
	}
	const matches = "a rule that names a group matches only private addresses of its members, and "
	for _, c := range []struct {
		name, from string
		port       int
		want       []string
	}{
		{"a member's public address", "203.0.113.2", 22, []string{"sg-1:in:1.1: " + matches + "203.0.113.2 is the public address of eni-2"}},
		{"another interface's public address", "203.0.113.10", 22, nil},
		{"any public address", "198.51.100.1", 22, []string{
			"sg-1:in:1.1: " + matches + "198.51.100.1 is a public address", "sg-1:in:2.1: " + matches + "198.51.100.1 is a public address",
		}},
		{"another port", "203.0.113.2", 23, nil},
		{"a private address", "10.0.0.9", 22, nil},
		{"an address of RFC 6598", "100.64.0.1", 22, nil},
		{"an interface's own address from a public range", "203.0.113.9", 22, nil},
		{"an address of IPv6", "2001:db8::1", 22, nil},
	} {
		a := read(groups, interfaces)
		p := Packet{Protocol: packet.TCP, Peer: netip.MustParseAddr(c.from), To: c.port}
		if _, admitted := a.Judge(a.Groups[:1], packet.Ingress, p); admitted {
			t.Errorf("%s: allowed", c.name)
		}
		var got []string
		for _, f := range a.Index(a.Groups[:1]).Nearest(packet.Ingress, p) {
			got = append(got, f.Said().String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
