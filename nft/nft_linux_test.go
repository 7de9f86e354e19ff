package nft

import (
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/internal/nstest"
	"lablab/ns"
	"lablab/packet"
	"lablab/sg"
)

func TestMain(m *testing.M) { nstest.Main(m) }

var update = flag.Bool("update", false, "write golden files anew")

// everyKind returns a ruleset with a rule of every kind that can be compiled.
func everyKind() Ruleset {
	v4, one, v6 := netip.MustParsePrefix("192.0.2.0/25"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/33")
	rules := []sg.Rule{
		{ID: "all", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: v4},
		{ID: "one port", Protocol: packet.TCP, From: 443, To: 443, Peer: one},
		{ID: "ports", Protocol: packet.UDP, From: 1000, To: 2000, Peer: v6},
		{ID: "every port", Protocol: packet.TCP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")},
		{ID: "echo", Protocol: packet.ICMP, From: 8, To: sg.Any, Peer: v4},
		{ID: "unassigned", Protocol: packet.ICMP, From: 200, To: 3, Peer: v4},
		{ID: "icmp6", Protocol: packet.ICMPv6, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("::/0")},
		{ID: "gre", Protocol: 47, From: sg.Any, To: sg.Any, Peer: one},
	}
	var rs Ruleset
	for i, r := range rules {
		rs.Ingress = append(rs.Ingress, Rule{Number: uint32(i + 1), Rule: r})
		rs.Egress = append(rs.Egress, Rule{Number: uint32(i + 101), Rule: r})
	}
	return rs
}

var counters = regexp.MustCompile(`counter packets \d+ bytes \d+`)

// nftList returns the group's table in n as nft(8) lists it.
func nftList(t *testing.T, n *ns.Namespace) string {
	return counters.ReplaceAllString(nstest.Output(t, n, "nft", "list", "table", "inet", GroupTable), "counter")
}

func TestRulesetPrintsAsNftPrintsIt(t *testing.T) {
	n := nstest.New(t)
	rs := exampleRules()
	if _, err := Install(n, rs); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nftList(t, n), rs.String()); diff != "" {
		t.Errorf("nft list (-), String (+):\n%s", diff)
	}
	golden(t, "testdata/example.nft", rs.String())
}

// Installing through netlink and loading the text with nft -f must give the same ruleset.
func TestInstallAgreesWithNft(t *testing.T) {
	for _, related := range []Related{RelatedOff, RelatedPMTU, RelatedAll} {
		rs := everyKind()
		rs.Related = related
		rs.Untracked = []sg.Untracked{
			{Direction: packet.Ingress, Protocol: packet.TCP, From: 22, To: 22}, {Direction: packet.Ingress, Six: true, Protocol: packet.UDP, From: 1, To: 9},
			{Direction: packet.Egress, Protocol: packet.TCP, From: 0, To: 65535},
		}
		agree(t, rs)
	}
}

// lines returns the sorted lines of a ruleset: the order of rules does not matter.
func lines(text string) []string {
	return slices.Sorted(slices.Values(slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-), now (+):\n%s", name, diff)
	}
}

func TestChange(t *testing.T) {
	n := nstest.New(t)
	rs := exampleRules()
	table, err := Install(n, rs)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	icmp := rs.Ingress[1]
	again := icmp
	again.Number = 4
	a := account(t)
	all := Compile(a, a.Groups, func(_ *sg.Group, r sg.Rule) uint32 { return crc32.ChecksumIEEE([]byte(r.ID)) })
	for _, to := range []Ruleset{
		{Ingress: rs.Ingress[:1], Egress: rs.Egress},
		{Ingress: append(rs.Ingress[:1:1], again), Egress: rs.Egress},
		{Ingress: append(rs.Ingress[:1:1], again), Egress: rs.Egress, Untracked: []sg.Untracked{{Direction: packet.Ingress, Protocol: packet.TCP, From: 22, To: 22}}},
		{Ingress: rs.Ingress, Egress: rs.Egress[:0], Untracked: []sg.Untracked{{Direction: packet.Egress, Six: true, Protocol: packet.UDP, From: 0, To: 65535}}},
		all,
		all,
	} {
		was := table.InForce()
		if err := table.Change(to); err != nil {
			t.Fatal(err)
		}
		to.WasUntracked = was.WasUntracked || len(was.Untracked) > 0
		if diff := cmp.Diff(to.String(), table.InForce().String()); diff != "" {
			t.Errorf("want (-), in force (+):\n%s", diff)
		}
		theirs := nstest.New(t)
		nstest.Input(t, theirs, to.String(), "nft", "-f", "-")
		want, got := lines(nftList(t, theirs)), lines(nftList(t, n))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("nft -f (-), netlink (+):\n%s", diff)
		}
	}
	if err := table.Change(Ruleset{}); err != nil {
		t.Fatal(err)
	}
	if got := nftList(t, n); strings.Contains(got, "dport") || strings.Contains(got, "\tset ") {
		t.Errorf("something is left:\n%s", got)
	}
}

// A change that the kernel rejects changes nothing.
func TestRefusedChange(t *testing.T) {
	n := nstest.New(t)
	rs := exampleRules()
	table, err := Install(n, rs)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	before := nftList(t, n)
	wrong := Ruleset{Ingress: []Rule{{Number: 9, Rule: sg.Rule{ID: "wrong", Protocol: packet.All, From: sg.Any, To: sg.Any}, Set: &Set{Name: "nobody"}}}}
	if err := table.Change(wrong); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v, want ENOENT", err)
	}
	if diff := cmp.Diff(before, nftList(t, n)); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
	if err := table.Change(Ruleset{Egress: rs.Egress}); err != nil {
		t.Errorf("the next change: %v", err)
	}
}

func TestClosedNamespaceIsRefused(t *testing.T) {
	n := nstest.New(t)
	table, err := Install(n, exampleRules())
	if err != nil {
		t.Fatal(err)
	}
	table.Close()
	_ = n.Close()
	if _, err := table.Counters(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("got %v, want EBADF", err)
	}
}

// loopback returns a namespace in which packets can be sent to 127.0.0.1. They pass both chains.
func loopback(t *testing.T, rs Ruleset) (*ns.Namespace, *Table) {
	n := nstest.New(t)
	nstest.Output(t, n, "ip", "link", "set", "lo", "up")
	rs.Guarded = true
	table, err := Install(n, rs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Close)
	return n, table
}

func allowUDP(port int) Ruleset {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	return Ruleset{
		Ingress: []Rule{{Number: 1, Rule: sg.Rule{ID: "in", Protocol: packet.UDP, From: port, To: port, Peer: everywhere}}},
		Egress:  []Rule{{Number: 2, Rule: sg.Rule{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}}},
	}
}

// exchange sends a datagram from one port to another. If it is answered, exchange sends one back
// and then another one there.
func exchange(t *testing.T, n *ns.Namespace, port int, answered bool) {
	t.Helper()
	if err := n.Do(func() error { return exchangeHere(port, answered) }); err != nil {
		t.Fatal(err)
	}
}

// exchangeHere is exchange in the namespace of this thread.
func exchangeHere(port int, answered bool) error {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	for errors.Is(err, syscall.EADDRINUSE) { // a process that another test starts has a copy of the last one, until it executes its program
		runtime.Gosched()
		server, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	}
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := net.DialUDP("udp4", nil, server.LocalAddr().(*net.UDPAddr))
	if err != nil {
		return err
	}
	defer client.Close()
	patience := time.Now().Add(10 * time.Second)
	if err := errors.Join(server.SetDeadline(patience), client.SetDeadline(patience)); err != nil {
		return err
	}
	if _, err := client.Write([]byte("there")); err != nil || !answered {
		return err
	}
	// Whatever is under way when its socket is closed is answered by an ICMP error.
	_, _, there := server.ReadFrom(make([]byte, 16))
	_, backErr := server.WriteTo([]byte("back"), client.LocalAddr())
	_, back := client.Read(make([]byte, 16))
	_, againErr := client.Write([]byte("there again"))
	_, _, again := server.ReadFrom(make([]byte, 16))
	return errors.Join(there, backErr, back, againErr, again)
}

func drain(t *testing.T, trace *Trace) []Verdict {
	t.Helper()
	var seen []Verdict
	err := trace.Drain(func(v Verdict) { seen = append(seen, v) }, func(int) { t.Error("trace missed something") })
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestTraceTellsEveryVerdict(t *testing.T) {
	n, table := loopback(t, allowUDP(7))
	trace, err := table.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()

	exchange(t, n, 7, true)
	exchange(t, n, 8, false)
	var got []string
	for _, v := range drain(t, trace) {
		got = append(got, fmt.Sprintf("%s %s %v %s %d", v.Direction, v.State, v.Accepted, v.By.ID, v.By.Number))
		if v.KernelState != "" && v.KernelState != v.State {
			t.Errorf("%s: the trace itself says %s", v, v.KernelState)
		}
		if v.Packet.Protocol != packet.UDP || v.Packet.Source.String() != "127.0.0.1" {
			t.Errorf("%s: not the packet that was sent", v)
		}
	}
	// On loopback the entry is created at egress, so a packet that is new there is also new at
	// ingress, until a reply was seen.
	want := []string{
		"egress new true out 2", "ingress new true in 1",
		"egress established true established 0", "ingress established true established 0",
		"egress established true established 0", "ingress established true established 0",
		"egress new true out 2", "ingress new false default-deny 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// The kernel reuses trace ids; no verdict may be lost or mixed up because of that.
func TestTraceSurvivesReusedIDs(t *testing.T) {
	n, table := loopback(t, allowUDP(7))
	trace, err := table.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	const rounds = 100
	for range rounds {
		exchange(t, n, 7, true)
	}
	seen := drain(t, trace)
	if len(seen) != rounds*6 {
		t.Errorf("%d verdicts, want %d", len(seen), rounds*6)
	}
	for _, v := range seen {
		if v.State == "" || !v.Accepted || v.Packet.Protocol != packet.UDP {
			t.Errorf("incomplete: %s", v)
		}
	}
}

// A verdict may come from a rule that the table has not read back yet.
func TestTraceNamesRulesAddedLater(t *testing.T) {
	n, table := loopback(t, allowUDP(7))
	trace, err := table.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	late := Rule{Number: 9, Rule: sg.Rule{ID: "late", Protocol: packet.UDP, From: 8, To: 8, Peer: netip.MustParsePrefix("127.0.0.0/8")}}
	rs := allowUDP(7)
	rs.Ingress = append(rs.Ingress, late)
	if err := table.Change(rs); err != nil {
		t.Fatal(err)
	}
	clear(table.judges) // as if another goroutine had been faster
	exchange(t, n, 8, false)
	seen := drain(t, trace)
	if last := seen[len(seen)-1]; last.By != (packet.By{Kind: packet.ByGroup, ID: "late", Number: 9}) {
		t.Errorf("judged by %v, want late", last.By)
	}
}

func TestTraceConfessesWhatItMissed(t *testing.T) {
	t.Parallel()
	n, table := loopback(t, allowUDP(7))
	trace, err := table.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	const exchanges = 6000        // 72,000 messages, more than any socket buffer holds
	if err := n.Do(func() error { // once: a thread for each exchange would take most of the time
		for range exchanges {
			if err := exchangeHere(7, true); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	seen, missed := 0, 0
	if err := trace.Drain(func(Verdict) { seen++ }, func(verdicts int) { missed += verdicts }); err != nil {
		t.Fatal(err)
	}
	if missed == 0 {
		t.Error("the socket overflowed and nothing was said")
	}
	const verdicts = 6 * exchanges // three packets, each leaving and arriving
	if all := seen + missed; all < verdicts*99/100 || all > verdicts*101/100 {
		t.Errorf("%d seen, about %d missed: of %d", seen, missed, verdicts)
	}
}

func TestCountersAgreeWithNft(t *testing.T) {
	n, table := loopback(t, allowUDP(7))
	exchange(t, n, 7, true)
	got, err := table.Counters()
	if err != nil {
		t.Fatal(err)
	}
	want := []Counter{
		{packet.Ingress, 0, packet.EstablishedID, 2, 28 + 4 + 28 + 11, "ingress"}, {packet.Ingress, 1, "in", 1, 28 + 5, "ingress"},
		{packet.Egress, 0, packet.EstablishedID, 2, 28 + 4 + 28 + 11, "egress"}, {packet.Egress, 2, "out", 1, 28 + 5, "egress"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	oracle := nstest.Output(t, n, "nft", "list", "table", "inet", GroupTable)
	for _, c := range got {
		line := fmt.Sprintf("counter packets %d bytes %d ", c.Packets, c.Bytes)
		if !strings.Contains(oracle, line) {
			t.Errorf("nft(8) does not say %q:\n%s", line, oracle)
		}
	}
}

// A kernel that does not answer is an error within seconds, and the next change works.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	n := nstest.New(t)
	table, err := Install(n, exampleRules())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	nstest.Silence(t, n)
	if err := table.Change(Ruleset{}); err == nil || !strings.Contains(err.Error(), "the kernel did not answer within ") {
		t.Error(err)
	}
}
