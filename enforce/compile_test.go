package enforce

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

var update = flag.Bool("update", false, "write golden files anew")

// account returns the account that the fixtures in testdata/ec2 describe.
func account(t *testing.T) *sg.Account {
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

// example returns a host with a group of three rules.
func example() Host {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	g := &sg.Group{Ingress: []sg.Rule{
		{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Peer: everywhere},
		{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.255.0.0/16")},
	}, Egress: []sg.Rule{{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: everywhere}}}
	return Host{Account: &sg.Account{Groups: []*sg.Group{g}}, Groups: []*sg.Group{g}, AlwaysTracked: true}
}

// What a host enforces is in testdata, as nft(8) lists it.
func TestCompile(t *testing.T) {
	a := account(t)
	forward, everything := example(), example()
	forward.Forwards = true
	check := forward
	check.SourceDestCheck = true
	everything.Forwards, everything.SourceDestCheck, everything.Masquerades = true, true, true
	everything.AlwaysTracked, everything.Related, everything.Guarded = false, RelatedPMTU, true
	everything.ACL = &sg.ACL{
		Ingress: []sg.ACLRule{
			{Number: 90, Protocol: packet.TCP, From: 22, To: 25, Peer: netip.MustParsePrefix("10.9.0.0/16")},
			{Number: 100, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("::/0")},
		},
		Egress: []sg.ACLRule{{Number: 100, Allow: true, Protocol: packet.ICMP, From: 8, To: sg.Any, Peer: netip.MustParsePrefix("10.255.1.10/32")}},
	}
	for name, h := range map[string]Host{
		"ec2": {Account: a, Groups: a.Groups}, "example": example(), "forward": forward, "forward_check": check, "everything": everything,
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", name+".nft"), text(t, h))
		})
	}
}

func text(t *testing.T, h Host) (text string) {
	t.Helper()
	tables, err := Compile(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		text += table.String()
	}
	return text
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

// What a host enforces under each model is in testdata too.
func TestCompileModels(t *testing.T) {
	for _, word := range []string{"keep", "cut", "request", "request-tombstone", "tied", "rejudge", "stateless", "syn", "sweep"} {
		t.Run(word, func(t *testing.T) {
			h := example()
			g := h.Groups[0]
			g.Ingress = append(g.Ingress, sg.Rule{ID: "office", Protocol: packet.UDP, From: 53, To: 54, PrefixList: "pl-1"})
			h.Account.PrefixLists = []sg.PrefixList{{ID: "pl-1", Known: true, Entries: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}
			h.Related = RelatedPMTU
			m, err := Parse(word)
			if err != nil {
				t.Fatal(err)
			}
			h.Model = m.Model
			golden(t, filepath.Join("testdata", "model", word+".nft"), text(t, h))
		})
	}
}

// Entries of flows that were not tracked stay, so their mark is heeded for good.
func TestWasUntracked(t *testing.T) {
	h := example()
	for _, was := range []bool{false, true} {
		h.WasUntracked = was
		if got := strings.Contains(text(t, h), "ct state established ct mark != 0x80000000"); got != was {
			t.Errorf("was untracked %v, and the mark is heeded %v", was, got)
		}
	}
}

// A mark has room for fewer rules where two of them write into it.
func TestForwardNumbers(t *testing.T) {
	h := example()
	h.Number = func(*sg.Group, sg.Rule) uint32 { return packet.MostForwarding + 1 }
	if _, err := Compile(h); err != nil {
		t.Errorf("a host that does not forward: %v", err)
	}
	h.Forwards = true
	if _, err := Compile(h); err == nil || !strings.Contains(err.Error(), "rule ssh is number 32768") {
		t.Errorf("a host that forwards: %v", err)
	}
}

// Each rule that drops says by what, and so does each policy of a chain that decides. Rules in any
// order only accept, which is what makes their order unimportant.
func TestEveryDropIsExplained(t *testing.T) {
	h := example()
	h.Forwards, h.SourceDestCheck, h.ACL = true, true, &sg.ACL{Ingress: []sg.ACLRule{{Number: 7, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}}
	tables, err := Compile(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for _, c := range table.Chains {
			if c.Policy == ruleset.Drop && c.Decides.Default == (packet.By{}) {
				t.Errorf("%s %s drops by default, and nothing says why", table.Name, c.Name)
			}
			for _, r := range c.Rules {
				if drops := r.Statements[len(r.Statements)-1] == ruleset.Drop; drops && r.By == (packet.By{}) {
					t.Errorf("%s %s: nothing says why %s", table.Name, c.Name, r)
				}
				if r.AnyOrder && !r.Accepts() {
					t.Errorf("%s %s: the order of %s matters", table.Name, c.Name, r)
				}
			}
		}
	}
}
