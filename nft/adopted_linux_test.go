package nft

import (
	"cmp"
	"fmt"
	"net/netip"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lablab/internal/nstest"
	"lablab/packet"
)

// adoptedRouter returns a router with a ruleset that nft(8) has loaded.
func adoptedRouter(t *testing.T, rules string) (*router, *Adopted) {
	t.Helper()
	r := unguardedRouter(t, "eth0", "eth1")
	nstest.Input(t, r.n, rules, "nft", "-f", "-")
	own := func(a netip.Addr) bool { return a.String() == "10.1.0.1" || a.String() == "10.2.0.1" }
	a, err := Adopt(r.n, own)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if r.trace, err = a.Trace(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.trace.Close() })
	return r, a
}

// The messages of all chains that a packet passes are joined to one verdict where it arrives and one
// where it leaves.
func TestAdopted(t *testing.T) {
	t.Parallel()
	const filter = "table inet filter { chain f { type filter hook forward priority 0; policy drop; ct state established accept comment \"known\"; udp dport 7 counter accept comment \"echo\"; }; };"
	const last = "table ip late { chain f { type filter hook forward priority 10; %s; }; };"
	accepted := []string{"ingress new true echo", "egress new true not-filtered"}
	for _, c := range []struct {
		name, rules, target string
		ends, six           bool
		want, back          []string
	}{
		{name: "no chain", rules: "table inet empty {}", want: []string{"ingress new true not-filtered", "egress new true not-filtered"}},
		{name: "a rule with a comment", rules: filter, want: accepted, back: []string{"ingress established true known", "egress established true not-filtered"}},
		{name: "a policy", rules: filter, target: right + ":8", want: []string{"ingress new false filter/f#policy"}},
		{name: "the policy of an empty chain", rules: "table inet t { chain c { type filter hook forward priority 0; policy drop; }; }", want: []string{"ingress new false t/c#policy"}},
		{name: "IPv6", rules: `table ip6 t { chain c { type filter hook forward priority 0; policy drop; udp dport 7 accept comment "six"; }; }`, six: true, want: []string{"ingress new true six", "egress new true not-filtered"}},
		{name: "IPv4 past a chain for IPv6", rules: `table ip6 t { chain c { type filter hook forward priority 0; policy drop; }; }`, want: []string{"ingress new true not-filtered", "egress new true not-filtered"}},
		{name: "a rule without a comment", rules: "table ip t { chain c { type filter hook forward priority 0; udp dport 7 accept; }; }", want: []string{"ingress new true t/c#2", "egress new true not-filtered"}},
		{name: "tables of one name", rules: "table ip6 t { chain x {}; }; table ip t { chain c { type filter hook forward priority 0; udp dport 7 drop; }; }", want: []string{"ingress new false ip/t/c#2"}},
		{name: "a later chain accepts too", rules: filter + fmt.Sprintf(last, `accept comment "late"`), want: []string{"ingress new true late", "egress new true not-filtered"}},
		{name: "the policy of a later chain accepts", rules: filter + fmt.Sprintf(last, "policy accept"), want: accepted},
		{name: "a later chain drops", rules: filter + fmt.Sprintf(last, `drop comment "late"`), want: []string{"ingress new false late"}},
		{name: "before conntrack", rules: filter + `table ip raw { chain p { type filter hook prerouting priority raw; udp dport 7 drop comment "raw"; }; }`, want: []string{"ingress untracked false raw"}},
		{name: "after conntrack", rules: filter + `table ip m { chain p { type filter hook prerouting priority mangle; udp dport 7 drop comment "mangle"; }; }`, want: []string{"ingress new false mangle"}},
		{name: "not tracked", rules: filter + `table ip raw { chain p { type filter hook prerouting priority raw; notrack; }; }`, want: []string{"ingress untracked true echo", "egress untracked true not-filtered"}},
		{name: "accepted on departure", rules: filter + `table ip m { chain p { type filter hook postrouting priority 0; udp dport 7 accept comment "post"; }; }`, want: []string{accepted[0], "egress new true post"}},
		{name: "on departure", rules: filter + `table ip m { chain p { type filter hook postrouting priority 0; udp dport 7 drop comment "post"; }; }`, want: []string{accepted[0], "egress new false post"}},
		{name: "a chain of its own", rules: `table inet t { chain sub { udp dport 7 accept comment "sub"; }; chain c { type filter hook forward priority 0; policy drop; jump sub; }; }`, want: []string{"ingress new true sub", "egress new true not-filtered"}},
		{name: "a rejection", rules: `table inet t { chain c { type filter hook forward priority 0; udp dport 7 reject comment "no"; }; }`, want: []string{"ingress new false no"}},
		{name: "masquerade", rules: filter + `table ip n { chain p { type nat hook postrouting priority srcnat; masquerade comment "nat"; }; }`, want: accepted},
		{
			name:   "a published port, in a chain of its own",
			rules:  filter + `table ip n { chain to { udp dport 8 dnat to 10.2.0.2:7 comment "nat"; }; chain p { type nat hook prerouting priority dstnat; jump to; }; }`,
			target: "10.1.0.1:8", want: accepted,
		},
		{name: "the host itself", rules: `table inet t { chain c { type filter hook input priority 0; policy drop; udp dport 7 accept comment "in"; }; }`, target: "10.1.0.1:7", ends: true, want: []string{"ingress new true in"}},
		{name: "the host itself, dropped", rules: `table inet t { chain c { type filter hook input priority 0; policy drop; }; }`, target: "10.1.0.1:7", ends: true, want: []string{"ingress new false t/c#policy"}},
		{name: "the host itself, dropped before conntrack", rules: `table ip t { chain c { type filter hook prerouting priority raw; udp dport 7 drop comment "raw"; }; }`, target: "10.1.0.1:7", ends: true, want: []string{"ingress untracked false raw"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := adoptedRouter(t, c.rules)
			r.ends = c.ends
			source, target := left+":40000", cmp.Or(c.target, right+":7")
			if c.six {
				source, target = "["+left6+"]:40000", "["+right6+"]:7"
			}
			if diff := gocmp.Diff(c.want, r.send(t, r.left, source, target, len(c.want))); diff != "" {
				t.Errorf("there: want (-), got (+):\n%s", diff)
			}
			if c.back == nil {
				return
			}
			if diff := gocmp.Diff(c.back, r.send(t, r.right, target, source, len(c.back))); diff != "" {
				t.Errorf("back: want (-), got (+):\n%s", diff)
			}
		})
	}
}

// What a host sends is decided about in chains for what leaves it.
func TestAdoptedSender(t *testing.T) {
	t.Parallel()
	r, _ := adoptedRouter(t, `table inet t { chain c { type filter hook output priority 0; udp dport 7 drop comment "out"; udp dport 8 accept comment "pass"; }; }`)
	r.ends = true
	if diff := gocmp.Diff([]string{"egress new true pass"}, r.send(t, r.n, "10.2.0.1:40000", right+":8", 1)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// A ruleset may change while it is traced, even so that handles stand for other rules and tracing is
// switched off. Rules have the values of their counters.
func TestAdoptedChanges(t *testing.T) {
	t.Parallel()
	const rules = `flush ruleset; table inet t { chain c { type filter hook forward priority 0; policy drop; udp dport 7 counter accept comment "%s"; }; }`
	r, a := adoptedRouter(t, fmt.Sprintf(rules, "first"))
	for i, name := range []string{"first", "second", "third"} {
		if i > 0 {
			nstest.Input(t, r.n, fmt.Sprintf(rules, name), "nft", "-f", "-")
			drain(t, r.trace)
		}
		want := []string{"ingress new true " + name, "egress new true not-filtered"}
		if diff := gocmp.Diff(want, r.send(t, r.left, fmt.Sprintf("%s:%d", left, 40000+i), right+":7", 2)); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		all, err := a.Rules()
		site := packet.Site{Family: "inet", Table: "t", Chain: "c", Handle: 2}
		one := AdoptedRule{By: packet.By{Kind: packet.ByRuleset, ID: name, Site: site}, Direction: packet.Ingress, Counts: true, Packets: 1, Bytes: 33}
		if diff := gocmp.Diff([]AdoptedRule{one}, all); err != nil || diff != "" {
			t.Errorf("%v: want (-), got (+):\n%s", err, diff)
		}
	}
}

// The name of lablab's own table is not free.
func TestAdoptedNameIsTaken(t *testing.T) {
	t.Parallel()
	n := nstest.New(t)
	nstest.Input(t, n, "table inet lablab { chain c {}; }", "nft", "-f", "-")
	if a, err := Adopt(n, func(netip.Addr) bool { return false }); err == nil {
		a.Close()
		t.Error("adopted")
	}
}
