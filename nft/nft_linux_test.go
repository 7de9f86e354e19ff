package nft

import (
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/nft/ruleset"
	"lablab/ns"
	"lablab/packet"
	"lablab/sg"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// host returns a host that has one group with these rules.
func host(ingress, egress []sg.Rule) enforce.Host {
	g := &sg.Group{ID: "sg-1", Ingress: ingress, Egress: egress}
	return enforce.Host{Account: &sg.Account{Groups: []*sg.Group{g}}, Groups: []*sg.Group{g}}
}

// compile returns the tables of a host.
func compile(t testing.TB, h enforce.Host) []ruleset.Table {
	t.Helper()
	tables, err := enforce.Compile(h)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// install puts the tables of a host in force.
func install(t testing.TB, n *ns.Namespace, h enforce.Host) *Firewall {
	t.Helper()
	f, err := Install(n, compile(t, h))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// text returns tables in the syntax of nft(8).
func text(tables []ruleset.Table) (text string) {
	for _, t := range tables {
		text += t.String()
	}
	return text
}

// without returns the tables without the rules with a comment.
func without(tables []ruleset.Table, comment string) []ruleset.Table {
	tables = slices.Clone(tables)
	for i := range tables {
		tables[i].Chains = slices.Clone(tables[i].Chains)
		for j, c := range tables[i].Chains {
			tables[i].Chains[j].Rules = slices.DeleteFunc(slices.Clone(c.Rules), func(r ruleset.Rule) bool { return r.Comment == comment })
		}
	}
	return tables
}

// everyKind returns a host with a rule of every kind that can be compiled.
func everyKind() enforce.Host {
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
	h := host(rules, rules)
	h.AlwaysTracked = true
	return h
}

// withUntracked returns the host with flows that EC2 does not track, of every kind.
func withUntracked(h enforce.Host) enforce.Host {
	four, six := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	g := *h.Groups[0]
	g.Ingress = slices.Concat(g.Ingress, []sg.Rule{
		{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Peer: four}, {ID: "few", Protocol: packet.UDP, From: 1, To: 9, Peer: six}, {ID: "tcp", Protocol: packet.TCP, From: sg.Any, To: sg.Any, Peer: six},
	})
	g.Egress = slices.Concat(g.Egress, []sg.Rule{{ID: "4", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: four}, {ID: "6", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: six}})
	h.Groups, h.AlwaysTracked = []*sg.Group{&g}, false
	return h
}

var values = regexp.MustCompile(`counter packets \d+ bytes \d+`)

// nftList returns the tables of a namespace that decide, as nft(8) lists them.
func nftList(t testing.TB, n *ns.Namespace) (text string) {
	t.Helper()
	tables := nstest.Output(t, n, "nft", "list", "tables")
	for _, name := range []string{enforce.ACLTable, enforce.GroupTable} {
		if strings.Contains(tables, "inet "+name+"\n") {
			text += nstest.Output(t, n, "nft", "list", "table", "inet", name)
		}
	}
	return values.ReplaceAllString(text, "counter")
}

func TestRulesetPrintsAsNftPrintsIt(t *testing.T) {
	n := nstest.New(t)
	f := install(t, n, exampleRules())
	if diff := cmp.Diff(nftList(t, n), text(f.InForce())); diff != "" {
		t.Errorf("nft list (-), String (+):\n%s", diff)
	}
}

// Installing through netlink and loading the text with nft -f must give the same ruleset.
func TestInstallAgreesWithNft(t *testing.T) {
	for _, related := range []enforce.Related{enforce.RelatedOff, enforce.RelatedPMTU, enforce.RelatedAll} {
		h := withUntracked(everyKind())
		h.Related = related
		agree(t, h)
	}
}

// agree installs what a host enforces through netlink and its text with nft -f, and compares how nft(8)
// lists the two.
func agree(t *testing.T, h enforce.Host) {
	t.Helper()
	ours, theirs := nstest.New(t), nstest.New(t)
	install(t, ours, h)
	nstest.Input(t, theirs, text(compile(t, h)), "nft", "-f", "-")
	if diff := cmp.Diff(nftList(t, theirs), nftList(t, ours)); diff != "" {
		t.Errorf("nft -f (-), netlink (+):\n%s", diff)
	}
}

// lines returns the sorted lines of a ruleset: the order of rules does not matter.
func lines(text string) []string {
	return slices.Sorted(slices.Values(slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l == "" })))
}

func TestChange(t *testing.T) {
	n := nstest.New(t)
	example := exampleRules()
	f := install(t, n, example)
	g := example.Groups[0]
	numbers := map[string]uint32{}
	var last uint32
	// of returns a host with these rules, each of which keeps its number.
	of := func(ingress, egress []sg.Rule) enforce.Host {
		h := host(ingress, egress)
		h.AlwaysTracked = true
		h.Number = func(_ *sg.Group, r sg.Rule) uint32 {
			if numbers[r.ID] == 0 {
				last++
				numbers[r.ID] = last
			}
			return numbers[r.ID]
		}
		return h
	}
	compile(t, of(g.Ingress, g.Egress))
	again := g.Ingress[1]
	again.ID = "again"
	a := account(t)
	all := enforce.Host{Account: a, Groups: a.Groups, Number: func(_ *sg.Group, r sg.Rule) uint32 { return crc32.ChecksumIEEE([]byte(r.ID)) }}
	for _, to := range []enforce.Host{
		of(g.Ingress[:1], g.Egress),
		of([]sg.Rule{g.Ingress[0], again}, g.Egress),
		withUntracked(of([]sg.Rule{g.Ingress[0], again}, g.Egress)),
		of(g.Ingress, nil),
		all,
		all,
	} {
		to.WasUntracked = to.MarksUntracked() || strings.Contains(text(f.InForce()), "untracked_ingress")
		if err := f.Change(compile(t, to)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(nftList(t, n), text(f.InForce())); diff != "" && to.Account != a { // nft(8) breaks the lines of sets
			t.Errorf("nft list (-), in force (+):\n%s", diff)
		}
		theirs := nstest.New(t)
		nstest.Input(t, theirs, text(compile(t, to)), "nft", "-f", "-")
		want, got := lines(nftList(t, theirs)), lines(nftList(t, n))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("nft -f (-), netlink (+):\n%s", diff)
		}
	}
	if err := f.Change(compile(t, host(nil, nil))); err != nil {
		t.Fatal(err)
	}
	if got := nftList(t, n); strings.Contains(got, "dport") || strings.Contains(got, "\tset ") {
		t.Errorf("something is left:\n%s", got)
	}
}

// A change that the kernel rejects changes nothing.
func TestRefusedChange(t *testing.T) {
	n := nstest.New(t)
	f := install(t, n, exampleRules())
	before := nftList(t, n)
	wrong := compile(t, exampleRules())
	wrong[0].Chains[0].Rules = append(wrong[0].Chains[0].Rules, ruleset.Rule{Statements: []ruleset.Statement{ruleset.Address{Side: ruleset.Source, Set: "nobody"}}})
	if err := f.Change(wrong); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v, want ENOENT", err)
	}
	if diff := cmp.Diff(before, nftList(t, n)); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
	if err := f.Change(without(compile(t, exampleRules()), "ssh")); err != nil {
		t.Errorf("the next change: %v", err)
	}
}

// Rules of another process are found before a rule is deleted, each time, and do no harm once they are
// gone.
func TestRulesOfAnotherProcess(t *testing.T) {
	n := nstest.New(t)
	f := install(t, n, exampleRules())
	all, less := compile(t, exampleRules()), without(compile(t, exampleRules()), "icmp")
	nstest.Input(t, n, `insert rule inet security_group ingress drop comment "foreign"`, "nft", "-f", "-")
	for range 2 {
		if err := f.Change(less); err == nil || !strings.Contains(err.Error(), "another process has changed them") {
			t.Errorf("got %v", err)
		}
	}
	_, handle, _ := strings.Cut(nstest.Output(t, n, "nft", "-a", "list", "ruleset"), `comment "foreign" # handle `)
	handle, _, _ = strings.Cut(handle, "\n")
	nstest.Output(t, n, "nft", "delete", "rule", "inet", enforce.GroupTable, "ingress", "handle", handle)
	for _, to := range [][]ruleset.Table{less, all} {
		if err := f.Change(to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(lines(text(to)), lines(nftList(t, n))); diff != "" {
			t.Errorf("want (-), got (+):\n%s", diff)
		}
	}
}

func TestClosedNamespaceIsRefused(t *testing.T) {
	n := nstest.New(t)
	f := install(t, n, exampleRules())
	f.Close()
	_ = n.Close()
	if _, err := f.Live(); !errors.Is(err, syscall.EBADF) {
		t.Errorf("got %v, want EBADF", err)
	}
}

// loopback returns a namespace in which packets can be sent to 127.0.0.1. They pass both chains.
func loopback(t *testing.T, h enforce.Host) (*ns.Namespace, *Firewall) {
	n := nstest.New(t)
	nstest.Output(t, n, "ip", "link", "set", "lo", "up")
	h.Guarded = true
	return n, install(t, n, h)
}

func allowUDP(port int) enforce.Host {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	h := host([]sg.Rule{{ID: "in", Protocol: packet.UDP, From: port, To: port, Peer: everywhere}}, []sg.Rule{{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}})
	h.AlwaysTracked = true
	return h
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
	n, f := loopback(t, allowUDP(7))
	trace, err := f.Trace()
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
	n, f := loopback(t, allowUDP(7))
	trace, err := f.Trace()
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
	n, f := loopback(t, allowUDP(7))
	trace, err := f.Trace()
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	h := allowUDP(7)
	h.Groups[0].Ingress = append(h.Groups[0].Ingress, sg.Rule{ID: "late", Protocol: packet.UDP, From: 8, To: 8, Peer: netip.MustParsePrefix("127.0.0.0/8")})
	h.Guarded = true
	if err := f.Change(compile(t, h)); err != nil {
		t.Fatal(err)
	}
	clear(f.judges) // as if another goroutine had been faster
	exchange(t, n, 8, false)
	seen := drain(t, trace)
	if last := seen[len(seen)-1]; last.By != (packet.By{Kind: packet.ByGroup, ID: "late", Number: 2}) {
		t.Errorf("judged by %v, want late", last.By)
	}
}

func TestTraceConfessesWhatItMissed(t *testing.T) {
	t.Parallel()
	n, f := loopback(t, allowUDP(7))
	trace, err := f.Trace()
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
	n, f := loopback(t, allowUDP(7))
	exchange(t, n, 7, true)
	live, err := f.Live()
	if err != nil {
		t.Fatal(err)
	}
	got := Counters(live)
	established := packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}
	of := func(id string, n uint32) packet.By { return packet.By{Kind: packet.ByGroup, ID: id, Number: n} }
	want := []Counter{
		{packet.Ingress, false, established, true, packet.EstablishedID, 2, 28 + 4 + 28 + 11}, {packet.Ingress, false, of("in", 1), true, "in", 1, 28 + 5},
		{packet.Egress, false, established, true, packet.EstablishedID, 2, 28 + 4 + 28 + 11}, {packet.Egress, false, of("out", 2), true, "out", 1, 28 + 5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if diff := cmp.Diff(nstest.Output(t, n, "nft", "list", "table", "inet", enforce.GroupTable), text(live)); diff != "" {
		t.Errorf("nft list (-), Live (+):\n%s", diff)
	}
}

// A kernel that does not answer is an error within seconds, and the next change works.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	n := nstest.New(t)
	f := install(t, n, exampleRules())
	nstest.Silence(t, n)
	if err := f.Change(nil); err == nil || !strings.Contains(err.Error(), "the kernel did not answer within ") {
		t.Error(err)
	}
}
