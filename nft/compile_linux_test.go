package nft

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/sg"
)

// account returns the account that the fixtures in testdata/ec2 describe.
func account(t testing.TB) *sg.Account {
	t.Helper()
	a := &sg.Account{}
	for _, name := range []string{"groups.json", "interfaces.json", "prefix-lists.json", "managed-prefix-lists.json", "pl-0123456789abcdef0.json"} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "ec2", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Read(name, bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestCompiledAgreesWithNft(t *testing.T) {
	a := account(t)
	agree(t, enforce.Host{Account: a, Groups: a.Groups})
	for _, g := range a.Groups {
		agree(t, enforce.Host{Account: a, Groups: []*sg.Group{g}})
	}
	for _, m := range enforce.Models() {
		agree(t, enforce.Host{Account: a, Groups: a.Groups, Model: m, Related: enforce.RelatedAll})
	}
}

// A range that reaches an end of the address space has no element for that end.
func TestSetsAtTheEnds(t *testing.T) {
	for _, cidrs := range [][]string{
		{"0.0.0.0/0"}, {"::/0"}, {"0.0.0.0/8", "240.0.0.0/4"}, {"255.255.255.255/32"}, {"0.0.0.0/32"},
		{"192.0.2.0/25", "192.0.2.128/25"}, {"192.0.2.0/24", "192.0.2.7/32"}, {"10.0.0.0/31", "10.0.0.3/32"}, {"10.0.0.1/32", "10.0.0.2/32"}, {"ffff::/16", "::/128"}, {},
	} {
		t.Run(strings.Join(cidrs, " "), func(t *testing.T) {
			list := sg.PrefixList{ID: "pl-1", Known: true}
			for _, c := range cidrs {
				list.Entries = append(list.Entries, netip.MustParsePrefix(c))
			}
			g := &sg.Group{ID: "sg-1", Ingress: []sg.Rule{{ID: "r", Protocol: packet.All, From: sg.Any, To: sg.Any, PrefixList: "pl-1"}}}
			agree(t, enforce.Host{Account: &sg.Account{Groups: []*sg.Group{g}, PrefixLists: []sg.PrefixList{list}}, Groups: []*sg.Group{g}})
		})
	}
}

// Members come and go; the rules stay.
func TestUpdate(t *testing.T) {
	a := account(t)
	n := nstest.New(t)
	f := install(t, n, enforce.Host{Account: a, Groups: a.Groups})
	for _, members := range [][]string{{"10.255.1.10"}, {"10.255.1.10", "10.255.1.99"}, {}, {"10.255.7.7"}} {
		a.Interfaces = nil
		for _, m := range members {
			a.Interfaces = append(a.Interfaces, sg.Interface{Groups: []string{"sg-0a1"}, Addresses: []netip.Addr{netip.MustParseAddr(m)}})
		}
		a.Interfaces = append(a.Interfaces, sg.Interface{Groups: []string{"sg-0a2", "sg-0a3"}})
		to := compile(t, enforce.Host{Account: a, Groups: a.Groups})
		if err := f.Change(to); err != nil {
			t.Fatal(err)
		}
		theirs := nstest.New(t)
		nstest.Input(t, theirs, text(to), "nft", "-f", "-")
		ours := regexp.MustCompile(`\.v\d+`).ReplaceAllString(nftList(t, n), "")
		if diff := cmp.Diff(lines(nftList(t, theirs)), lines(ours)); diff != "" {
			t.Errorf("members %v, nft -f (-), netlink (+):\n%s", members, diff)
		}
	}
}

// large returns a host with that many rules, and a prefix list with that many entries.
func large(rules, entries int) enforce.Host {
	list := sg.PrefixList{ID: "pl-1", Known: true}
	for i := range entries {
		list.Entries = append(list.Entries, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 7), byte(i << 1), 0}), 24))
	}
	g := &sg.Group{ID: "sg-1", Ingress: []sg.Rule{{ID: "list", Protocol: packet.TCP, From: 22, To: 22, PrefixList: "pl-1"}}}
	for i := range rules {
		peer := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 32)
		g.Ingress = append(g.Ingress, sg.Rule{ID: fmt.Sprintf("sg-1:in:%d.1", i), Protocol: packet.TCP, From: 443, To: 443, Peer: peer})
	}
	return enforce.Host{Account: &sg.Account{Groups: []*sg.Group{g}, PrefixLists: []sg.PrefixList{list}}, Groups: []*sg.Group{g}}
}

// An ordinary user's buffers on a stock distribution hold about a hundred rules; more of them take
// several transactions.
func TestSmallBuffers(t *testing.T) {
	n := nstest.New(t)
	f := newFirewall(n)
	f.room = 100 << 10
	defer f.Close()
	if err := f.install(compile(t, large(250, 2000))); err != nil {
		t.Fatal(err)
	}
	if err := f.Change(compile(t, large(1000, 2000))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if got := strings.Count(nftList(t, n), "dport 443"); got != 250 {
		t.Errorf("%d rules, want 250", got)
	}
}

func TestTenThousandSources(t *testing.T) {
	t.Parallel()
	n := nstest.New(t)
	install(t, n, large(5000, 5000))
	text := nftList(t, n)
	if rules := strings.Count(text, "dport 443"); rules != 5000 {
		t.Errorf("%d rules, want 5000", rules)
	}
	set, _, _ := strings.Cut(text, "}")
	if elements := strings.Count(set, "/24"); elements != 5000 {
		t.Errorf("%d elements, want 5000", elements)
	}
}

// BenchmarkInstall and BenchmarkInstallByNft install the same thousand rules,
// through netlink and with nft -f.
func BenchmarkInstall(b *testing.B) {
	tables := compile(b, large(1000, 0))
	for b.Loop() {
		n := nstest.New(b)
		f, err := Install(n, tables)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
		_ = n.Close()
	}
}

func BenchmarkInstallByNft(b *testing.B) {
	text := text(compile(b, large(1000, 0)))
	for b.Loop() {
		n := nstest.New(b)
		nstest.Input(b, n, text, "nft", "-f", "-")
		_ = n.Close()
	}
}

// BenchmarkFlipAmongThousand revokes and authorizes one rule among a thousand.
func BenchmarkFlipAmongThousand(b *testing.B) {
	n := nstest.New(b)
	tables := compile(b, large(1000, 0))
	f, err := Install(n, tables)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	flip(b, f, without(tables, "sg-1:in:499.1"), tables)
}
