package nft

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
	"lablab/sg"
)

// What a host that forwards has is listed by nft(8) as it is printed, also after changes.
func TestForwardAgreesWithNft(t *testing.T) {
	t.Parallel()
	for _, check := range []bool{false, true} {
		h := everyKind()
		h.Forwards, h.SourceDestCheck, h.Related = true, check, enforce.RelatedPMTU
		all := compile(t, h)
		n := nstest.New(t)
		f, err := Install(n, without(without(all, "all"), "one port"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, to := range [][]ruleset.Table{all, without(without(all, "ports"), "gre"), all} {
			if err := f.Change(to); err != nil {
				t.Fatal(err)
			}
			theirs := nstest.New(t)
			nstest.Input(t, theirs, text(to), "nft", "-f", "-")
			want, got := lines(nftList(t, theirs)), lines(nftList(t, n))
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("nft -f (-), netlink (+):\n%s", diff)
			}
		}
		printed := exampleRules()
		printed.Forwards, printed.SourceDestCheck = true, check
		listed := nstest.New(t)
		f = install(t, listed, printed)
		if diff := gocmp.Diff(nftList(t, listed), text(f.InForce())); diff != "" {
			t.Errorf("nft list (-), String (+):\n%s", diff)
		}
	}
}

// A router is between two hosts, each of which is in a network of its own.
type router struct {
	*Firewall
	n, left, right *ns.Namespace
	trace          *Trace
	port           int  // of the last flow
	ends           bool // the flows end at the router itself
}

const (
	left, right   = "10.1.0.2", "10.2.0.2"
	left6, right6 = "fd00:1::2", "fd00:2::2"
)

// newRouter builds hosts around a router, whose interfaces have these names.
func newRouter(t *testing.T, h enforce.Host, names ...string) *router {
	t.Helper()
	r := unguardedRouter(t, names...)
	r.Firewall = install(t, r.n, h)
	var err error
	if r.trace, err = r.Trace(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.trace.Close() })
	return r
}

// unguardedRouter does so without rules.
func unguardedRouter(t *testing.T, names ...string) *router {
	t.Helper()
	r := &router{n: nstest.New(t), left: nstest.New(t), right: nstest.New(t), port: 40000}
	ip := func(in *ns.Namespace, format string, args ...any) {
		t.Helper()
		nstest.Output(t, in, "ip", strings.Fields(fmt.Sprintf(format, args...))...)
	}
	quiet := map[string]string{"ipv6/conf/default/accept_dad": "0", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0"}
	for i, end := range []*ns.Namespace{r.left, r.right} {
		for _, n := range []*ns.Namespace{r.n, end} {
			if err := n.SetSysctl(quiet); err != nil {
				t.Fatal(err)
			}
		}
		ip(r.n, "link add %s type veth peer name eth0 netns /proc/%d/fd/%d", names[i], os.Getpid(), end.FD())
		for _, side := range []struct {
			n    *ns.Namespace
			name string
			last int
		}{{r.n, names[i], 1}, {end, "eth0", 2}} {
			ip(side.n, "address add 10.%d.0.%d/24 dev %s", i+1, side.last, side.name)
			ip(side.n, "address add fd00:%d::%d/64 dev %s nodad", i+1, side.last, side.name)
			ip(side.n, "link set %s up", side.name)
		}
		ip(end, "route add default via 10.%d.0.1", i+1)
		ip(end, "route add default via fd00:%d::1", i+1)
	}
	for _, n := range []*ns.Namespace{r.n, r.left, r.right} {
		for strings.Contains(nstest.Output(t, n, "ip", "-o", "link", "show", "up"), "NO-CARRIER") {
		}
	}
	if err := r.n.SetSysctl(map[string]string{"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}); err != nil {
		t.Fatal(err)
	}
	return r
}

// send sends a datagram and returns the verdicts on it, as many as are expected.
func (r *router) send(t *testing.T, from *ns.Namespace, source, target string, verdicts int) []string {
	t.Helper()
	err := from.Do(func() error {
		local, err := net.ResolveUDPAddr("udp", source)
		if err != nil {
			return err
		}
		conn, err := net.ListenUDP("udp", local)
		if err != nil {
			return err
		}
		defer conn.Close()
		to, err := net.ResolveUDPAddr("udp", target)
		if err != nil {
			return err
		}
		_, err = conn.WriteTo([]byte("there"), to)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for patience := ns.Patient(time.Second, time.Millisecond); !patience.Over() && len(seen) < verdicts; patience.Spend() {
		for _, v := range drain(t, r.trace) {
			if v.Packet.Protocol == packet.UDP {
				seen = append(seen, fmt.Sprintf("%s %s %v %s", v.Direction, v.State, v.Accepted, v.By.ID))
				if v.Forwarded == r.ends || v.KernelState != "" && v.KernelState != v.State {
					t.Errorf("%s: forwarded %v, the trace itself says %s", v, v.Forwarded, v.KernelState)
				}
			}
		}
		<-patience.Step()
	}
	return seen
}

// entry returns the one entry of the router that nft's rules have marked, as conntrack sees it.
func (r *router) mark(t *testing.T) packet.Mark {
	t.Helper()
	for _, word := range strings.Fields(nstest.Output(t, r.n, "conntrack", "-L", "-p", "udp")) {
		if value, is := strings.CutPrefix(word, "mark="); is {
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			return packet.Mark(n)
		}
	}
	t.Fatal("no entry")
	return 0
}

// through returns rules that allow UDP to these ports, inbound and outbound, from and to anywhere.
func through(in, out []int) enforce.Host {
	rules := func(name string, ports []int) (rules []sg.Rule) {
		for _, port := range ports {
			for _, peer := range []string{"0.0.0.0/0", "::/0"} {
				rules = append(rules, sg.Rule{ID: fmt.Sprintf("%s-%d", name, port), Protocol: packet.UDP, From: port, To: port, Peer: netip.MustParsePrefix(peer)})
			}
		}
		return rules
	}
	h := host(rules("in", in), rules("out", out))
	h.Forwards = true
	return h
}

// What a host forwards is checked against its inbound rules on arrival and its outbound rules on
// departure; a reply is checked against none.
func TestForward(t *testing.T) {
	t.Parallel()
	both := through([]int{7}, []int{7})
	masquerade := "table ip nat { chain p { type nat hook postrouting priority srcnat; masquerade; }; }"
	publish := "table ip nat { chain p { type nat hook prerouting priority dstnat; udp dport 8 dnat to 10.2.0.2:7; }; }"
	accepted := []string{"ingress new true in-7", "egress new true out-7"}
	back := []string{"ingress established true established", "egress established true established"}
	for _, c := range []struct {
		name       string
		h          enforce.Host
		nat        string
		six        bool
		check      bool
		first      string // interface; eth0 by default
		target     string // right:7 by default
		want, back []string
	}{
		{name: "a host that does not forward", h: allowUDP(7), want: []string{"ingress new false source-dest-check"}},
		{name: "no rules", h: through(nil, nil), want: []string{"ingress new false default-deny"}},
		{name: "no outbound rule", h: through([]int{7}, nil), want: []string{accepted[0], "egress new false default-deny"}},
		{name: "no inbound rule", h: through(nil, []int{7}), want: []string{"ingress new false default-deny"}},
		{name: "both", h: both, want: accepted, back: back},
		{name: "IPv6", h: both, six: true, want: accepted, back: back},
		{name: "IPv6, no outbound rule", h: through([]int{7}, nil), six: true, want: []string{accepted[0], "egress new false default-deny"}},
		{name: "masquerade", h: both, nat: masquerade, want: accepted, back: back},
		{name: "another port in the rules", h: through([]int{8}, []int{7}), want: []string{"ingress new false default-deny"}},
		{name: "a published port", h: through([]int{8}, []int{7}), nat: publish, target: "10.1.0.1:8", want: []string{"ingress new true in-8", accepted[1]}, back: back},
		{name: "a published port, of which only the inner one is allowed", h: both, nat: publish, target: "10.1.0.1:8", want: []string{"ingress new false default-deny"}},
		{name: "source/destination check", h: both, check: true, want: []string{"ingress new false source-dest-check"}},
		{name: "source/destination check, IPv6", h: both, check: true, six: true, want: []string{"ingress new false source-dest-check"}},
		{name: "source/destination check, a published port", h: through([]int{8}, []int{7}), check: true, nat: publish, target: "10.1.0.1:8", want: []string{"ingress new true in-8", accepted[1]}},
		{name: "containers", h: through(nil, []int{7}), first: "docker0", want: accepted[1:], back: back[:1]},
		{name: "containers without an outbound rule", h: through([]int{7}, nil), first: "docker0", want: []string{"egress new false default-deny"}},
		{name: "containers behind a source/destination check", h: through(nil, []int{7}), first: "docker0", check: true, nat: masquerade, want: accepted[1:], back: back[:1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.h.SourceDestCheck = c.check
			r := newRouter(t, c.h, cmp.Or(c.first, "eth0"), "eth1")
			if c.nat != "" {
				nstest.Input(t, r.n, c.nat, "nft", "-f", "-")
			}
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
			answering, answered := right+":7", source
			switch {
			case c.nat == masquerade:
				answered = "10.2.0.1:40000"
			case c.six:
				answering = target
			}
			if diff := gocmp.Diff(c.back, r.send(t, r.right, answering, answered, len(c.back))); diff != "" {
				t.Errorf("back: want (-), got (+):\n%s", diff)
			}
		})
	}
}

// An entry names both rules that admitted its flow, and the flow outlives them.
func TestForwardedFlowsOutliveTheirRules(t *testing.T) {
	t.Parallel()
	r := newRouter(t, through([]int{7}, []int{7}), "eth0", "eth1")
	there, back := left+":40000", right+":7"
	r.send(t, r.left, there, back, 2)
	if m := r.mark(t); m.Admitted() != 1 || m.Released() != 3 {
		t.Errorf("mark %#x: admitted by %d, released by %d", m, m.Admitted(), m.Released())
	}
	r.send(t, r.right, back, there, 2)
	if err := r.Change(compile(t, through(nil, nil))); err != nil {
		t.Fatal(err)
	}
	want := []string{"ingress established true established", "egress established true established"}
	if diff := gocmp.Diff(want, r.send(t, r.left, there, back, 2)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"ingress new false default-deny"}, r.send(t, r.left, left+":40001", back, 1)); diff != "" {
		t.Errorf("another flow: want (-), got (+):\n%s", diff)
	}
	if m := r.mark(t); m.Admitted() != 1 || m.Released() != 3 {
		t.Errorf("mark %#x afterwards: admitted by %d, released by %d", m, m.Admitted(), m.Released())
	}
}

// A network ACL is checked for what a host forwards too, in both directions and before the groups.
func TestForwardACL(t *testing.T) {
	t.Parallel()
	h := through([]int{7}, []int{7})
	r := newRouter(t, h, "eth0", "eth1")
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	allow := sg.ACLRule{Number: 100, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}
	for _, c := range []struct {
		acl  sg.ACL
		want []string
	}{
		{sg.ACL{Ingress: []sg.ACLRule{allow}}, []string{"ingress new true in-7", "egress new false acl-default-deny"}},
		{sg.ACL{Egress: []sg.ACLRule{allow}}, []string{"ingress new false acl-default-deny"}},
		{sg.ACL{Ingress: []sg.ACLRule{allow}, Egress: []sg.ACLRule{allow}}, []string{"ingress new true in-7", "egress new true out-7"}},
	} {
		h.ACL = &c.acl
		if err := r.Change(compile(t, h)); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(c.want, r.send(t, r.left, left+":40000", right+":7", len(c.want))); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
		live, err := r.Live()
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(nstest.Output(t, r.n, "nft", "list", "table", "inet", enforce.ACLTable), live[0].String()); diff != "" {
			t.Errorf("nft list (-), Live (+):\n%s", diff)
		}
	}
}
