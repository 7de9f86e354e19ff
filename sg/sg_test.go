package sg

import (
	"errors"
	"net/netip"
	"testing"
)

func rule(id string, p Protocol, from, to int, peer string) Rule {
	return Rule{ID: id, Protocol: p, From: from, To: to, Peer: netip.MustParsePrefix(peer)}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestJudge(t *testing.T) {
	group := &Group{Name: "lab", Ingress: []Rule{
		rule("ssh", TCP, 22, 22, "0.0.0.0/0"),
		rule("range", UDP, 1000, 2000, "192.0.2.0/24"),
		rule("icmp", ICMP, Any, Any, "10.255.0.0/16"),
		rule("echo", ICMP, 8, Any, "198.51.100.0/24"),
		rule("frag", ICMP, 3, 4, "203.0.113.0/24"),
		rule("six", All, Any, Any, "2001:db8::/32"),
		rule("gre", 47, Any, Any, "192.0.2.1/32"),
	}}
	for _, test := range []struct {
		name     string
		protocol Protocol
		peer     string
		to, code int
		want     string
	}{
		{"open to the world", TCP, "8.8.8.8", 22, 0, "ssh"},
		{"another port", TCP, "8.8.8.8", 23, 0, ""},
		{"another protocol", UDP, "8.8.8.8", 22, 0, ""},
		{"first of a range", UDP, "192.0.2.9", 1000, 0, "range"},
		{"last of a range", UDP, "192.0.2.9", 2000, 0, "range"},
		{"before a range", UDP, "192.0.2.9", 999, 0, ""},
		{"after a range", UDP, "192.0.2.9", 2001, 0, ""},
		{"all ICMP", ICMP, "10.255.1.10", 13, 7, "icmp"},
		{"from elsewhere", ICMP, "10.254.1.10", 8, 0, ""},
		{"echo, any code", ICMP, "198.51.100.1", 8, 5, "echo"},
		{"not echo", ICMP, "198.51.100.1", 0, 0, ""},
		{"type and code", ICMP, "203.0.113.1", 3, 4, "frag"},
		{"type and another code", ICMP, "203.0.113.1", 3, 3, ""},
		{"everything over IPv6", TCP, "2001:db8::1", 4711, 0, "six"},
		{"0.0.0.0/0 does not cover IPv6", TCP, "2001:db9::1", 22, 0, ""},
		{"a protocol without ports", 47, "192.0.2.1", 0, 0, "gre"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Packet{Protocol: test.protocol, Peer: netip.MustParseAddr(test.peer), To: test.to, Code: test.code}
			account := &Account{}
			got, admitted := account.Judge([]*Group{group}, Ingress, p)
			if got.Rule.ID != test.want || admitted != (test.want != "") {
				t.Errorf("admitted by %q (%v), want %q", got.Rule.ID, admitted, test.want)
			}
			if _, admitted := account.Judge([]*Group{group}, Egress, p); admitted {
				t.Error("a rule for the other direction admitted it")
			}
		})
	}
}

func TestAuthorizeAndRevoke(t *testing.T) {
	g := &Group{Name: "lab"}
	icmp := rule("icmp", ICMP, Any, Any, "10.255.0.0/16")
	if err := g.Authorize(Ingress, icmp); err != nil {
		t.Fatal(err)
	}
	same := rule("other id", ICMP, Any, Any, "10.255.3.4/16") // host bits make no difference
	wantCode(t, g.Authorize(Ingress, same), Duplicate)
	if err := g.Authorize(Egress, same); err != nil {
		t.Errorf("the same rule for the other direction: %v", err)
	}
	before := g.Clone()
	revoked, d, err := g.Revoke("icmp")
	if err != nil || revoked != icmp || d != Ingress {
		t.Errorf("revoked %v %s, %v", revoked, d, err)
	}
	if len(g.Ingress) != 0 || len(before.Ingress) != 1 {
		t.Errorf("%d rules left, %d in the copy", len(g.Ingress), len(before.Ingress))
	}
	_, _, err = g.Revoke("icmp")
	wantCode(t, err, RuleNotFound)
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
		{rule("", TCP, 22, 22, "0.0.0.0/0"), "tcp 22 0.0.0.0/0", "peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW"},
		{rule("", UDP, 1, 9, "::/0"), "udp 1-9 ::/0", "peer: ::/0, UDP, from port: 1, to port: 9, ALLOW"},
		{rule("", ICMP, Any, Any, "10.0.0.0/8"), "icmp 10.0.0.0/8", "peer: 10.0.0.0/8, ICMP, type: ALL, code: ALL, ALLOW"},
		{rule("", ICMP, 8, Any, "10.0.0.0/8"), "icmp type 8 10.0.0.0/8", "peer: 10.0.0.0/8, ICMP, type: 8, code: ALL, ALLOW"},
		{rule("", All, Any, Any, "10.0.0.0/19"), "all 10.0.0.0/19", "peer: 10.0.0.0/19, ALL, ALLOW"},
	} {
		if got := test.rule.String(); got != test.text {
			t.Errorf("got %q, want %q", got, test.text)
		}
		if got := test.rule.peerText(); got != test.peer {
			t.Errorf("got %q, want %q", got, test.peer)
		}
	}
}
