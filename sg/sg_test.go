package sg

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lablab/packet"
)

func rule(id string, p packet.Protocol, from, to int, peer string) Rule {
	return Rule{ID: id, Protocol: p, From: from, To: to, Peer: netip.MustParsePrefix(peer)}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestJudge(t *testing.T) {
	group := &Group{Name: "lab", Ingress: []Rule{
		rule("ssh", packet.TCP, 22, 22, "0.0.0.0/0"),
		rule("range", packet.UDP, 1000, 2000, "192.0.2.0/24"),
		rule("icmp", packet.ICMP, Any, Any, "10.255.0.0/16"),
		rule("echo", packet.ICMP, 8, Any, "198.51.100.0/24"),
		rule("frag", packet.ICMP, 3, 4, "203.0.113.0/24"),
		rule("six", packet.All, Any, Any, "2001:db8::/32"),
		rule("gre", 47, Any, Any, "192.0.2.1/32"),
	}}
	for _, test := range []struct {
		name     string
		protocol packet.Protocol
		peer     string
		to, code int
		want     string
	}{
		{"open to the world", packet.TCP, "8.8.8.8", 22, 0, "ssh"},
		{"another port", packet.TCP, "8.8.8.8", 23, 0, ""},
		{"another protocol", packet.UDP, "8.8.8.8", 22, 0, ""},
		{"first of a range", packet.UDP, "192.0.2.9", 1000, 0, "range"},
		{"last of a range", packet.UDP, "192.0.2.9", 2000, 0, "range"},
		{"before a range", packet.UDP, "192.0.2.9", 999, 0, ""},
		{"after a range", packet.UDP, "192.0.2.9", 2001, 0, ""},
		{"all ICMP", packet.ICMP, "10.255.1.10", 13, 7, "icmp"},
		{"from elsewhere", packet.ICMP, "10.254.1.10", 8, 0, ""},
		{"echo, any code", packet.ICMP, "198.51.100.1", 8, 5, "echo"},
		{"not echo", packet.ICMP, "198.51.100.1", 0, 0, ""},
		{"type and code", packet.ICMP, "203.0.113.1", 3, 4, "frag"},
		{"type and another code", packet.ICMP, "203.0.113.1", 3, 3, ""},
		{"everything over IPv6", packet.TCP, "2001:db8::1", 4711, 0, "six"},
		{"0.0.0.0/0 does not cover IPv6", packet.TCP, "2001:db9::1", 22, 0, ""},
		{"a protocol without ports", 47, "192.0.2.1", 0, 0, "gre"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Packet{Protocol: test.protocol, Peer: netip.MustParseAddr(test.peer), To: test.to, Code: test.code}
			account := &Account{}
			got, admitted := account.Judge([]*Group{group}, packet.Ingress, p)
			if got.Rule.ID != test.want || admitted != (test.want != "") {
				t.Errorf("admitted by %q (%v), want %q", got.Rule.ID, admitted, test.want)
			}
			if _, admitted := account.Judge([]*Group{group}, packet.Egress, p); admitted {
				t.Error("a rule for the other direction admitted it")
			}
		})
	}
}

func TestAuthorizeAndRevoke(t *testing.T) {
	g := &Group{ID: "sg-1"}
	icmp := rule("icmp", packet.ICMP, Any, Any, "10.255.0.0/16")
	if err := g.Authorize(packet.Ingress, icmp); err != nil {
		t.Fatal(err)
	}
	same := rule("other id", packet.ICMP, Any, Any, "10.255.3.4/16") // host bits make no difference
	same.Description = "nor does this"
	wantCode(t, g.Authorize(packet.Ingress, same), Duplicate)
	if err := g.Authorize(packet.Egress, same); err != nil {
		t.Errorf("the same rule for the other direction: %v", err)
	}
	if got := g.Egress[0].Peer.String(); got != "10.255.0.0/16" {
		t.Errorf("authorized as %s", got)
	}
	before := g.Clone()
	revoked, err := g.Revoke("icmp")
	if err != nil || !slices.Equal(revoked, []GroupRule{{g.ID, packet.Ingress, icmp}}) {
		t.Errorf("revoked %v, %v", revoked, err)
	}
	if len(g.Ingress) != 0 || len(before.Ingress) != 1 {
		t.Errorf("%d rules left, %d in the copy", len(g.Ingress), len(before.Ingress))
	}
	_, err = g.Revoke("icmp")
	wantCode(t, err, RuleNotFound)
}

// EC2 applies a whole request or nothing of it.
func TestAllOrNothing(t *testing.T) {
	ssh, web, wide := rule("ssh", packet.TCP, 22, 22, "0.0.0.0/0"), rule("web", packet.TCP, 443, 443, "0.0.0.0/0"), rule("wide", packet.TCP, 0, 1023, "0.0.0.0/0")
	g := &Group{ID: "sg-1", Ingress: []Rule{ssh}}
	for name, change := range map[string]func() error{
		Duplicate:               func() error { return g.Authorize(packet.Ingress, web, ssh) },
		Duplicate + " outbound": func() error { return g.Authorize(packet.Egress, ssh) }, // an id belongs to one rule
		Duplicate + " twice":    func() error { return g.Authorize(packet.Ingress, web, web) },
		Malformed:               func() error { return g.Authorize(packet.Ingress, web, rule("", packet.TCP, 443, 22, "0.0.0.0/0")) },
		NotFound:                func() error { _, err := g.RevokeSame(packet.Ingress, ssh, web); return err },
		NotFound + " of a part": func() error { _, err := g.RevokeSame(packet.Ingress, wide); return err },
		NotFound + " twice":     func() error { _, err := g.RevokeSame(packet.Ingress, ssh, ssh); return err },
		RuleNotFound:            func() error { _, err := g.Revoke("ssh", "web"); return err },
		NotFound + " elsewhere": func() error { _, err := g.RevokeSame(packet.Egress, ssh); return err },
	} {
		code, _, _ := strings.Cut(name, " ")
		wantCode(t, change(), code)
		if len(g.Ingress) != 1 || g.Ingress[0] != ssh {
			t.Errorf("%s changed the group: %v", name, g.Ingress)
		}
	}
	without := ssh
	without.ID, without.Description = "", "the id is not needed"
	revoked, err := g.RevokeSame(packet.Ingress, without)
	if err != nil || len(revoked) != 1 || revoked[0] != ssh || len(g.Ingress) != 0 {
		t.Errorf("revoked %v, %v; %v left", revoked, err, g.Ingress)
	}
}

func TestMalformed(t *testing.T) {
	for _, r := range []Rule{
		rule("", packet.TCP, 443, 22, "0.0.0.0/0"), rule("", packet.UDP, 0, 65536, "0.0.0.0/0"), rule("", packet.UDP, -1, 80, "0.0.0.0/0"),
		rule("", packet.ICMP, 256, 0, "0.0.0.0/0"), rule("", packet.ICMP, Any, 4, "0.0.0.0/0"), {Protocol: packet.All, From: Any, To: Any},
		{Protocol: packet.All, From: Any, To: Any, PrefixList: "pl-1", Reference: Reference{GroupID: "sg-1"}},
	} {
		wantCode(t, new(Group).Authorize(packet.Ingress, r), Malformed)
	}
}

func TestErrorsInTheWordsOfTheCLI(t *testing.T) {
	g := &Group{ID: "sg-1", Ingress: []Rule{rule("", packet.TCP, 5439, 5439, "0.0.0.0/0")}}
	var refused *Error
	if !errors.As(g.Authorize(packet.Ingress, rule("", packet.TCP, 5439, 5439, "0.0.0.0/0")), &refused) {
		t.Fatal("not refused")
	}
	want := `An error occurred (InvalidPermission.Duplicate) when calling the AuthorizeSecurityGroupIngress operation: ` +
		`the specified rule "peer: 0.0.0.0/0, TCP, from port: 5439, to port: 5439, ALLOW" already exists`
	if got := refused.CLI("AuthorizeSecurityGroupIngress"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err := new(Account).Find("sg-2")
	wantCode(t, err, GroupNotFound)
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestRuleText(t *testing.T) {
	for _, test := range []struct {
		rule       Rule
		text, peer string
	}{
		{rule("", packet.TCP, 22, 22, "0.0.0.0/0"), "tcp 22 0.0.0.0/0", "peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW"},
		{rule("", packet.UDP, 1, 9, "::/0"), "udp 1-9 ::/0", "peer: ::/0, UDP, from port: 1, to port: 9, ALLOW"},
		{rule("", packet.ICMP, Any, Any, "10.0.0.0/8"), "icmp 10.0.0.0/8", "peer: 10.0.0.0/8, ICMP, type: ALL, code: ALL, ALLOW"},
		{rule("", packet.ICMP, 8, Any, "10.0.0.0/8"), "icmp type 8 10.0.0.0/8", "peer: 10.0.0.0/8, ICMP, type: 8, code: ALL, ALLOW"},
		{rule("", packet.All, Any, Any, "10.0.0.0/19"), "all 10.0.0.0/19", "peer: 10.0.0.0/19, ALL, ALLOW"},
	} {
		if got := test.rule.String(); got != test.text {
			t.Errorf("got %q, want %q", got, test.text)
		}
		if got := test.rule.peerText(); got != test.peer {
			t.Errorf("got %q, want %q", got, test.peer)
		}
	}
}
