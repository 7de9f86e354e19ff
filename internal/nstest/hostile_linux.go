package nstest

import (
	"strings"
	"testing"
	"time"

	"lablab/ns"
)

// Hostile returns a host for lablab that is as unlike a fresh machine as possible. It drops
// everything, has connections of its own, and uses the same tables, links, names, routes and
// settings as a lab.
func Hostile(t testing.TB) *ns.Namespace {
	t.Helper()
	n := New(t)
	Input(t, n, `
		table inet security_group { chain ingress { type filter hook input priority 0; policy drop; }; }
		table inet trace { chain egress { type filter hook output priority -500; policy drop; }; }
		table ip raw { chain c { type filter hook prerouting priority -300; notrack; }; }
		table inet t { chain c { type filter hook input priority 0; ct state new ct mark set 2; }; }
	`, "nft", "-f", "-")
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", "eth0", "type", "veth", "peer", "name", "eth1"},
		{"address", "add", "10.255.1.197/16", "dev", "eth0"},
		{"address", "add", "10.255.1.10/16", "dev", "eth1"},
		{"link", "set", "eth0", "up"},
		{"link", "set", "eth1", "up"},
		{"route", "add", "blackhole", "10.255.1.0/24"},
		{"rule", "add", "to", "10.255.0.0/16", "prohibit"},
	} {
		Output(t, n, "ip", args...)
	}
	if err := n.SetSysctl(map[string]string{
		"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "1",
		"ipv4/icmp_echo_ignore_all": "1", "ipv4/conf/default/forwarding": "1", "ipv6/conf/all/forwarding": "1",
		"netfilter/nf_conntrack_icmp_timeout": "1", "netfilter/nf_conntrack_acct": "0",
	}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"eth0", "eth1"} { // waits until IPv6's automatic configuration of the new links is done
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(Output(t, n, "ip", "-6", "route", "show", "table", "all"), "anycast fe80:: dev "+end); {
			if time.Now().After(deadline) {
				t.Fatalf("no anycast address on %s", end)
			}
		}
	}
	Output(t, n, "conntrack", "-I", "-p", "icmp", "-s", "10.255.1.10", "-d", "10.255.1.197", "--icmp-type", "8", "--icmp-code", "0", "--icmp-id", "1001", "-t", "600", "-m", "3")
	return n
}
