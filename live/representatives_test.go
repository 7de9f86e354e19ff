package live_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/live"
	"lablab/packet"
	"lablab/plan"
	"lablab/sg"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// accountOf returns a group "web" with these inbound rules, a group "db" and interfaces.
func accountOf(interfaces []sg.Interface, rules ...sg.Rule) *sg.Account {
	a := &sg.Account{Groups: []*sg.Group{{ID: "sg-web", Name: "web", Ingress: rules}, {ID: "sg-db", Name: "db"}}}
	for _, i := range interfaces {
		a.Attach(i)
	}
	return a
}

func tcp(id, peer string, from, to int) sg.Rule {
	return sg.Rule{ID: id, Protocol: packet.TCP, From: from, To: to, Peer: prefix(peer)}
}

// lines describes flows and invented hosts.
func lines(f *live.Flows) (lines []string) {
	for _, h := range f.Hosts {
		lines = append(lines, fmt.Sprintf("host %s %v %v", h.ID, h.Groups, h.Addresses))
	}
	for _, f := range f.All {
		line := f.Host + " " + string(f.Direction) + " " + strings.ReplaceAll(f.Key.String(), "invalid IP", "-")
		if f.Protocol.IsICMP() {
			line += fmt.Sprintf(" type %d code %d", f.ICMPType, f.ICMPCode)
		}
		if f.New {
			line += " new"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestRepresentatives(t *testing.T) {
	web := []sg.Interface{{ID: "eni-1", Groups: []string{"sg-web"}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.5")}}}
	https := tcp("sgr-1", "10.0.0.0/16", 443, 443)
	self := sg.Rule{ID: "sgr-2", Protocol: packet.TCP, From: 9000, To: 9000, Reference: sg.Reference{GroupID: "sg-web"}}
	list := sg.Rule{ID: "sgr-3", Protocol: packet.UDP, From: 53, To: 53, PrefixList: "pl-1"}
	withList := func(entries ...netip.Prefix) *sg.Account {
		a := accountOf(web, list)
		a.PrefixLists = []sg.PrefixList{{ID: "pl-1", Known: true, Entries: entries}}
		return a
	}
	withACL := func(rules ...sg.ACLRule) *sg.Account {
		a := accountOf(web, tcp("sgr-1", "0.0.0.0/0", sg.Any, sg.Any))
		i := a.Interfaces[0]
		i.ACL = &sg.ACL{Ingress: rules}
		a.Attach(i)
		return a
	}
	for _, test := range []struct {
		name     string
		accounts []*sg.Account
		want     []string
	}{
		{"nothing changes", []*sg.Account{accountOf(web, https), accountOf(web, https)}, nil},
		{"revoked", []*sg.Account{accountOf(web, https), accountOf(web)}, []string{
			"eni-1 ingress tcp 10.0.128.0:49152 > 10.0.1.5:443", "eni-1 ingress tcp 10.0.128.0:49153 > 10.0.1.5:443 new",
			"eni-1 ingress tcp 10.0.0.0:49152 > 10.0.1.5:443", "eni-1 ingress tcp 10.0.0.0:49153 > 10.0.1.5:443 new",
			"eni-1 ingress tcp 10.0.255.255:49152 > 10.0.1.5:443", "eni-1 ingress tcp 10.0.255.255:49153 > 10.0.1.5:443 new",
		}},
		{"authorized, for a range of ports", []*sg.Account{accountOf(web), accountOf(web, tcp("sgr-1", "192.0.2.7/32", 8000, 8100))}, []string{
			"eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:8050 new", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:8000 new", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:8100 new",
		}},
		{"everything from everywhere", []*sg.Account{accountOf(web), accountOf(web, sg.Rule{ID: "sgr-1", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: prefix("0.0.0.0/0")})}, []string{
			"eni-1 ingress tcp 203.0.113.10:49153 > 10.0.1.5:443 new", "eni-1 ingress udp 203.0.113.10:49153 > 10.0.1.5:53 new", "eni-1 ingress icmp 203.0.113.10 > 10.0.1.5 id 0 type 8 code 0 new",
		}},
		{"revoked and authorized again with another description", []*sg.Account{accountOf(web, tcp("sgr-1", "192.0.2.7/32", 22, 22)), accountOf(web), accountOf(web, tcp("sgr-9", "192.0.2.7/32", 22, 22))}, []string{
			"eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:22", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:22 new",
		}},
		{"no known host", []*sg.Account{accountOf(nil, tcp("sgr-1", "192.0.2.7/32", 22, 22)), accountOf(nil)}, []string{
			"host host-in-sg-web [sg-web] [198.18.0.1 2001:db8:198::1]",
			"host-in-sg-web ingress tcp 192.0.2.7:49152 > 198.18.0.1:22", "host-in-sg-web ingress tcp 192.0.2.7:49153 > 198.18.0.1:22 new",
		}},
		{"from the own group, without another member", []*sg.Account{accountOf(web, self), accountOf(web)}, []string{
			"host peer-in-sg-web [sg-web] [198.18.0.1 2001:db8:198::1]",
			"eni-1 ingress tcp 198.18.0.1:49152 > 10.0.1.5:9000", "eni-1 ingress tcp 198.18.0.1:49153 > 10.0.1.5:9000 new",
		}},
		{"other groups", []*sg.Account{accountOf(web, tcp("sgr-1", "192.0.2.7/32", 22, 22)), accountOf([]sg.Interface{{ID: "eni-1", Groups: []string{"sg-db"}, Addresses: web[0].Addresses}}, tcp("sgr-1", "192.0.2.7/32", 22, 22))}, []string{
			"eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:22", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:22 new",
		}},
		{"entries of a prefix list", []*sg.Account{withList(prefix("192.0.2.7/32"), prefix("10.0.0.0/8")), withList(prefix("10.0.0.0/8"), prefix("192.0.2.9/32"))}, []string{
			"eni-1 ingress udp 192.0.2.7:49152 > 10.0.1.5:53", "eni-1 ingress udp 192.0.2.7:49153 > 10.0.1.5:53 new", "eni-1 ingress udp 192.0.2.9:49153 > 10.0.1.5:53 new",
		}},
		{"network ACL", []*sg.Account{withACL(sg.ACLRule{Number: 1, Allow: true, Protocol: packet.TCP, From: 0, To: 65535, Peer: prefix("192.0.2.7/32")}), withACL(sg.ACLRule{Number: 1, Protocol: packet.TCP, From: 1024, To: 65535, Peer: prefix("192.0.2.7/32")})}, []string{
			"eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:443", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:443 new", "eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:1",
			"eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:1 new", "eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:65535", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:65535 new",
			"eni-1 egress tcp 10.0.1.5:49153 > 192.0.2.7:443 new",
			"eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:33279", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:33279 new",
			"eni-1 ingress tcp 192.0.2.7:49152 > 10.0.1.5:1024", "eni-1 ingress tcp 192.0.2.7:49153 > 10.0.1.5:1024 new",
		}},
		{"a message that begins no flow", []*sg.Account{accountOf(web, sg.Rule{ID: "sgr-1", Protocol: packet.ICMP, From: 3, To: 4, Peer: prefix("192.0.2.7/32")}), accountOf(web)}, []string{
			"eni-1 ingress icmp 192.0.2.7 > 10.0.1.5 id 0 type 3 code 4 new",
		}},
		{"IPv6, of a host without such an address", []*sg.Account{accountOf(web, sg.Rule{ID: "sgr-1", Protocol: packet.ICMPv6, From: sg.Any, To: sg.Any, Peer: prefix("2001:db8:7::7/128")}), accountOf(web)}, []string{
			"eni-1 ingress icmpv6 2001:db8:7::7 > - id 0 type 128 code 0", "eni-1 ingress icmpv6 2001:db8:7::7 > - id 0 type 128 code 0 new",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			flows := live.Representatives(test.accounts...)
			if diff := cmp.Diff(test.want, lines(flows)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(flows.Notes) != min(len(test.want), 1) || flows.Kind != live.Invented {
				t.Errorf("%s, notes %q", flows.Kind, flows.Notes)
			}
		})
	}
	unknown := sg.Rule{ID: "sgr-1", Protocol: packet.TCP, From: 1, To: 1, PrefixList: "pl-unread"}
	if flows := live.Representatives(accountOf(web, unknown), accountOf(web)); len(flows.All) > 0 || len(flows.Notes) != 1 || flows.Notes[0].String() != "1 rule that changes has no flow here: its addresses are not known" {
		t.Errorf("%v, %q", flows.All, flows.Notes)
	}
	if flows := live.Representatives(); len(flows.All)+len(flows.Notes) > 0 {
		t.Errorf("of no account: %+v", flows)
	}
}

// Every rule that a call of a plan adds or removes has a flow that the rule is about, and flows that are
// up are those that the account before allows.
func TestRepresentativesOfPlans(t *testing.T) {
	files, err := filepath.Glob("../plan/testdata/*.plan.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans (%v)", err)
	}
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Read(file, bytes.NewReader(text), plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		accounts := []*sg.Account{p.Before}
		for _, o := range p.Run() {
			accounts = append(accounts, o.Account)
		}
		flows := live.Representatives(accounts...)
		for i := 1; i < len(accounts); i++ {
			d := sg.Diff(accounts[i-1], accounts[i])
			for _, r := range d.Revoked {
				checkRepresented(t, file, flows, accounts[i-1], r)
			}
			for _, r := range d.Authorized {
				checkRepresented(t, file, flows, accounts[i], r)
			}
			total += len(d.Revoked) + len(d.Authorized)
		}
	}
	if total < 50 {
		t.Errorf("only %d rules change", total)
	}
}

func checkRepresented(t *testing.T, file string, flows *live.Flows, in *sg.Account, r sg.GroupRule) {
	t.Helper()
	with := *in
	for _, h := range flows.Hosts {
		with.Attach(h)
	}
	peers, reason := with.Peers(r)
	if !reason.Empty() {
		return
	}
	if !slices.ContainsFunc(flows.All, func(f live.Flow) bool {
		p := sg.Packet{Protocol: f.Protocol, Peer: f.Source, To: int(f.DestinationPort)}
		if r.Direction == packet.Egress {
			p.Peer = f.Destination
		}
		if f.Protocol.IsICMP() {
			p.To, p.Code = int(f.ICMPType), int(f.ICMPCode)
		}
		return f.New && f.Direction == r.Direction && r.AllowsWhat(p) && slices.ContainsFunc(peers, func(of netip.Prefix) bool { return of.Contains(p.Peer) })
	}) {
		t.Errorf("%s: no flow for %s %s of %s, from %v", file, r.Direction, r.Rule, r.Group, peers)
	}
}

// BenchmarkRepresentatives invents flows for a change of 500 groups with 20 rules each.
func BenchmarkRepresentatives(b *testing.B) {
	const groups, rules = 500, 20
	account := &sg.Account{}
	for g := range groups {
		group := &sg.Group{ID: fmt.Sprintf("sg-%d", g)}
		for r := range rules {
			group.Ingress = append(group.Ingress, tcp(fmt.Sprintf("sgr-%d-%d", g, r), "10.0.0.0/16", 1000+r, 1000+r))
		}
		account.Groups = append(account.Groups, group)
	}
	accounts := []*sg.Account{account}
	for g := range groups {
		next, err := accounts[g].Apply(sg.Revoke{Group: fmt.Sprintf("sg-%d", g), IDs: []string{fmt.Sprintf("sgr-%d-0", g)}})
		if err != nil {
			b.Fatal(err)
		}
		accounts = append(accounts, next)
	}
	for b.Loop() {
		if flows := live.Representatives(accounts...); len(flows.All) < groups {
			b.Fatal(len(flows.All))
		}
	}
}
