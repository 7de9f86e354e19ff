package nft

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/internal/nstest"
	"lablab/nft/ruleset"
	"lablab/packet"
)

// statements are rules with every kind of statement, in the order in which nft(8) would write them.
func statements() [][]ruleset.Statement {
	prefix := func(s string) ruleset.Range { return ruleset.RangeOf(netip.MustParsePrefix(s)) }
	span := func(first, last string) ruleset.Range {
		return ruleset.Range{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last)}
	}
	const s, d = ruleset.Source, ruleset.Destination
	type list = []ruleset.Statement
	rules := []list{
		{ruleset.Accept}, {ruleset.Drop}, {ruleset.Return}, {ruleset.Jump("aside")}, {ruleset.Goto("aside")},
		{ruleset.Counter{}, ruleset.Accept}, {ruleset.Counter{Read: true, Packets: 3, Bytes: 1 << 40}},
		{ruleset.Version{}}, {ruleset.Version{Six: true}},
		{ruleset.Address{Side: s, Range: prefix("192.0.2.1/32")}}, {ruleset.Address{Side: d, Range: prefix("192.0.2.0/24")}},
		{ruleset.Address{Side: s, Range: prefix("192.0.2.0/27")}}, {ruleset.Address{Side: d, Range: prefix("2001:db8::/33")}},
		{ruleset.Address{Side: s, Range: prefix("2001:db8::1/128")}}, {ruleset.Address{Side: d, Range: span("192.0.2.3", "192.0.2.9")}},
		{ruleset.Address{Side: s, Range: span("2001:db8::3", "2001:db8::9")}},
		{ruleset.Address{Side: s, Set: "four"}}, {ruleset.Address{Side: d, Set: "six", Six: true}},
		{ruleset.Address{Side: s, Original: true, Range: prefix("192.0.2.1/32")}}, {ruleset.Address{Side: d, Original: true, Range: prefix("192.0.2.0/27")}},
		{ruleset.Address{Side: s, Original: true, Range: prefix("2001:db8::/33")}}, {ruleset.Address{Side: d, Original: true, Range: span("192.0.2.3", "192.0.2.9")}},
		{ruleset.Address{Side: d, Original: true, Range: prefix("2001:db8::1/128")}},
		{ruleset.Address{Side: s, Original: true, Set: "four"}}, {ruleset.Address{Side: d, Original: true, Set: "six", Six: true}},
		{ruleset.Protocol(packet.ICMPv6)}, {ruleset.Protocol(packet.TCP)}, {ruleset.Protocol(253)},
		{ruleset.Ports{Protocol: packet.TCP, Side: d, First: 22, Last: 22}}, {ruleset.Ports{Protocol: packet.UDP, Side: s, First: 1, Last: 65535}},
		{ruleset.TCPFlags{Mask: packet.SYN | packet.ACK, Set: packet.SYN, Not: true}}, {ruleset.TCPFlags{Mask: 0x17, Set: packet.SYN}},
		{ruleset.HopLimit(255)},
		{ruleset.Interface{Direction: packet.Ingress, Name: "eth0"}}, {ruleset.Interface{Direction: packet.Egress, Name: "eth*", Not: true}},
		{ruleset.Interface{Direction: packet.Ingress, Name: "eth*"}}, {ruleset.Interface{Direction: packet.Egress, Name: "eth1", Not: true}},
		{ruleset.Loopback{Direction: packet.Ingress}}, {ruleset.Loopback{Direction: packet.Egress}},
		{ruleset.InState(packet.New, packet.Established)}, {ruleset.InState(packet.Invalid, packet.Related, packet.Untracked)}, {ruleset.InState(packet.New)},
		{ruleset.Original}, {ruleset.Reply},
		{ruleset.SNAT}, {ruleset.DNAT}, {ruleset.SNAT | ruleset.DNAT}, {ruleset.SeenReply}, {ruleset.Assured},
		{ruleset.CtMark{Value: 7}}, {ruleset.CtMark{Value: 1 << 31, Not: true}}, {ruleset.CtMark{Mask: 1, Value: 1}}, {ruleset.CtMark{Mask: 0xff00, Not: true}},
		{ruleset.CtMark{Set: "live"}}, {ruleset.CtMark{Set: "live", Not: true}},
		{ruleset.Protocol(packet.TCP), ruleset.OriginalPorts{Side: d, First: 22, Last: 22}}, {ruleset.Protocol(packet.UDP), ruleset.OriginalPorts{Side: s, First: 1, Last: 9}},
		{ruleset.SetMark{Set: 12}}, {ruleset.SetMark{Keep: 0xffff0000, Set: 12}}, {ruleset.SetMark{Keep: 0xff}}, {ruleset.SetMark{Keep: 0xfffffffe, Set: 1}},
		{ruleset.SetCtMark{Set: 12}}, {ruleset.SetCtMark{Keep: 0xffff0000, Set: 12}}, {ruleset.SetCtMark{Keep: 0xfffffffe}}, {ruleset.SetCtMark{Keep: 0xfffffffe, Set: 1}},
		{ruleset.PacketMark{Value: 7}}, {ruleset.PacketMark{Not: true}},
		{ruleset.CopyMark{}}, {ruleset.Trace{}}, {ruleset.Masquerade{}}, {ruleset.TCPFlags{Mask: packet.ACK | packet.RST, Set: packet.ACK}, ruleset.Reset{}},
		// The version and the protocol of several statements are matched once.
		{ruleset.Address{Side: s, Set: "six", Six: true}, ruleset.HopLimit(1), ruleset.ICMP{Protocol: packet.ICMPv6, First: 130, Last: 132, Code: ruleset.AnyCode}},
		{ruleset.Address{Side: s, Range: prefix("10.0.0.0/8")}, ruleset.Address{Side: d, Range: prefix("10.1.0.0/16")}, ruleset.Ports{Protocol: packet.TCP, Side: s, First: 22, Last: 22}, ruleset.Ports{Protocol: packet.TCP, Side: d, First: 1024, Last: 65535}},
		{ruleset.InState(packet.Related), ruleset.ICMP{Protocol: packet.ICMP, First: 3, Last: 3, Code: 4}, ruleset.Counter{}, ruleset.Accept},
	}
	for n := range 256 {
		rules = append(rules,
			list{ruleset.ICMP{Protocol: packet.ICMP, First: uint8(n), Last: uint8(n), Code: ruleset.AnyCode}},
			list{ruleset.ICMP{Protocol: packet.ICMPv6, First: uint8(n), Last: uint8(n), Code: ruleset.AnyCode}},
			list{ruleset.ICMP{Protocol: packet.ICMP, First: 3, Last: 3, Code: n}},
			list{ruleset.ICMP{Protocol: packet.ICMPv6, First: 1, Last: 1, Code: n}})
	}
	return append(rules,
		list{ruleset.ICMP{Protocol: packet.ICMP, First: 3, Last: 5, Code: ruleset.AnyCode}},
		list{ruleset.ICMP{Protocol: packet.ICMP, First: 8, Last: 8, Code: 3}})
}

// frame has chains for them; one for masquerading, which is allowed in no other.
const frame = `table inet t {
	set four { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
	set six { type ipv6_addr; flags interval; }
	set live { type mark; elements = { 7 }; }
	chain aside { }
	chain any { }
	chain nat { type nat hook postrouting priority srcnat; }
}`

func chainOf(statements []ruleset.Statement) string {
	if statements[0] == (ruleset.Masquerade{}) {
		return "nat"
	}
	return "any"
}

// Each statement is the same for the kernel as its text is for nft(8), which lists both alike, and in
// these words.
func TestStatements(t *testing.T) {
	t.Parallel()
	ours, theirs := nstest.New(t), nstest.New(t)
	var text []string
	tx := newTransaction()
	var want []string
	for _, rule := range statements() {
		r := ruleset.Rule{Statements: rule, Comment: fmt.Sprint(len(want))}
		want = append(want, r.String())
		text = append(text, fmt.Sprintf("add rule inet t %s %s\n", chainOf(rule), r))
		tx.command(addRule{site{"t", chainOf(rule)}, r, 0})
	}
	nstest.Input(t, ours, frame, "nft", "-f", "-")
	nstest.Input(t, theirs, frame, "nft", "-f", "-")
	const most = 200 // rules at once, which fit into the socket of an ordinary user's nft
	for part := range slices.Chunk(text, most) {
		nstest.Input(t, theirs, strings.Join(part, ""), "nft", "-f", "-")
	}
	f := newFirewall(ours)
	defer f.Close()
	f.mu.Lock()
	err := f.commit(tx)
	f.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	list := nstest.Output(t, ours, "nft", "list", "ruleset")
	if diff := cmp.Diff(nstest.Output(t, theirs, "nft", "list", "ruleset"), list); diff != "" {
		t.Errorf("nft -f (-), netlink (+):\n%s", diff)
	}
	listed := map[string]string{} // by comment
	for line := range strings.Lines(list) {
		if rule, comment, found := strings.Cut(strings.TrimSpace(line), " comment "); found {
			listed[comment] = rule
		}
	}
	unlike := regexp.MustCompile(`tcp flags|icmp(v6)? code`) // versions of nft(8) differ in these words
	unread := strings.NewReplacer("counter packets 0 bytes 0", "counter")
	for _, line := range want {
		rule, comment, _ := strings.Cut(line, " comment ")
		if !unlike.MatchString(line) && unread.Replace(listed[comment]) != rule {
			t.Errorf("nft(8) lists %q, and we print %q", listed[comment], rule)
		}
	}
}

// The table above has all statements that there are.
func TestStatementsAreAll(t *testing.T) {
	tried := map[string]bool{}
	for _, rule := range statements() {
		for _, s := range rule {
			tried[strings.TrimPrefix(fmt.Sprintf("%T", s), "ruleset.")] = true
		}
	}
	files, err := filepath.Glob("ruleset/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`func \((\w+)\) statement\(\)`).FindAllStringSubmatch(string(code), -1) {
			if found++; !tried[m[1]] {
				t.Errorf("%s is not tried", m[1])
			}
		}
	}
	if found != len(tried) {
		t.Errorf("%d kinds of statements found, and %d tried", found, len(tried))
	}
}
