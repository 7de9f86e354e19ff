package sg

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lablab/packet"
)

var update = flag.Bool("update", false, "write golden files anew")

func read(t testing.TB, names ...string) *Account {
	t.Helper()
	account := &Account{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "ec2", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := account.Read(name, bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	return account
}

var everything = []string{"groups.json", "interfaces.json", "prefix-lists.json", "managed-prefix-lists.json", "pl-0123456789abcdef0.json"}

// lines lists all rules with their current peers.
func lines(a *Account) []string {
	var list []string
	for _, g := range a.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, r := range g.Rules(d) {
				peers, reason := a.Peers(GroupRule{g.ID, d, r})
				list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s = %v %s", r.ID, r, peers, reason)))
			}
		}
	}
	return list
}

func TestRead(t *testing.T) {
	a := read(t, everything...)
	want := []string{
		"sg-0a1:in:1.1 tcp 443 0.0.0.0/0 = [0.0.0.0/0]",
		"sg-0a1:in:1.2 tcp 443 ::/0 = [::/0]",
		"sg-0a1:in:2.1 icmp type 8 10.255.0.0/16 = [10.255.0.0/16]",
		"sg-0a1:in:3.1 icmpv6 2001:db8::/32 = [2001:db8::/32]",
		"sg-0a1:out:1.1 all 0.0.0.0/0 = [0.0.0.0/0]",
		"sg-0a1:out:2.1 all ::/0 = [::/0]",
		"sg-0a2:in:1.1 tcp 8000-8080 sg-0a1 = [10.255.1.10/32 2001:db8::10/128 10.255.1.11/32]",
		"sg-0a2:in:2.1 tcp 22 203.0.113.0/24 = [203.0.113.0/24]",
		"sg-0a2:in:2.2 tcp 22 198.51.100.16/28 = [198.51.100.16/28]",
		"sg-0a2:in:2.3 tcp 22 pl-0123456789abcdef0 = [192.0.2.0/24 192.0.3.0/24]",
		"sg-0a2:in:3.1 47 192.0.2.1/32 = [192.0.2.1/32]",
		"sg-0a2:out:1.1 tcp 5432 sg-0a3 = [10.255.1.197/32]",
		"sg-0a2:out:2.1 tcp 443 pl-63a5400a = [54.231.0.0/17 52.216.0.0/15]",
		"sg-0a2:out:3.1 udp 53 10.255.0.2/32 = [10.255.0.2/32]",
		"sg-0a3:in:1.1 tcp 5432 sg-0a2 = [10.255.1.11/32]",
		"sg-0a3:in:1.2 tcp 5432 sg-0a3 = [10.255.1.197/32]",
		"sg-0a3:in:1.3 tcp 5432 sg-0dead = [] group sg-0dead was deleted: the rule is stale",
		"sg-0a3:in:1.4 tcp 5432 sg-0peer = [] group sg-0peer is in a peer VPC, whose network interfaces were not read",
		"sg-0a3:out:1.1 icmp type 252 code 86 255.255.255.255/32 = [255.255.255.255/32]",
	}
	if diff := cmp.Diff(want, lines(a)); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if len(a.Notes) != 1 || !strings.Contains(a.Notes[0].Text.String(), "198.51.100.18/28 has host bits; EC2 changes it to 198.51.100.16/28") {
		t.Errorf("notes %v", a.Notes)
	}
	if i := a.Interfaces[2]; i.TCPEstablished != 3600 || i.UDP != 45 || i.UDPStream != 0 {
		t.Errorf("timeouts %+v", i)
	}
}

// Sources in = sources enforced + sources listed, whatever else was read.
func TestNoSourceIsDropped(t *testing.T) {
	const sources = 19 // in groups.json
	for n := range everything {
		a := read(t, append([]string{"groups.json"}, everything[1:n+1]...)...)
		audit := a.Audit()
		if audit.Enforced+audit.Unenforceable != sources || len(audit.Problems) != audit.Unenforceable {
			t.Errorf("with %v: %d enforced, %d not, %d listed; want %d in all",
				everything[1:n+1], audit.Enforced, audit.Unenforceable, len(audit.Problems), sources)
		}
		for _, p := range audit.Problems {
			if p.Reason.Empty() || p.Rule == "" {
				t.Errorf("a source is listed without its reason: %+v", p)
			}
		}
	}
}

func TestRulesGetTheirIDs(t *testing.T) {
	a := read(t, "groups.json", "rules.json")
	if id := a.Group("sg-0a1").Ingress[0].ID; id != "sgr-01" {
		t.Errorf("the rule is called %s, want sgr-01", id)
	}
	if id := a.Group("sg-0a1").Egress[0].ID; id != "sgr-02" {
		t.Errorf("the rule is called %s, want sgr-02", id)
	}
	if n := len(a.Group("sg-0a1").Ingress); n != 4 {
		t.Errorf("%d ingress rules, want the same 4", n)
	}
	if g := a.Group("sg-0b1"); g == nil || g.Ingress[0].Reference.GroupID != "sg-0a1" {
		t.Error("the group that only rules speak of is missing")
	}
}

// The files may be read in any order.
func TestOrderDoesNotMatter(t *testing.T) {
	one, other := lines(read(t, "groups.json", "rules.json")), lines(read(t, "rules.json", "groups.json"))
	slices.Sort(one)
	slices.Sort(other)
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("groups first (-), rules first (+):\n%s", diff)
	}
}

// The time to read is proportional to the size of the input.
func TestLargeFiles(t *testing.T) {
	var ranges, rules, groups []string
	for i := range 20000 {
		ranges = append(ranges, fmt.Sprintf(`{"CidrIp": "10.%d.%d.1/24"}`, i>>8, i&255))
		rules = append(rules, fmt.Sprintf(`{"SecurityGroupRuleId": "sgr-%d", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "-1", "CidrIpv4": "10.%d.%d.0/24"}`, i, i>>8, i&255))
		groups = append(groups, fmt.Sprintf(`{"GroupId": "sg-%d"}`, i))
	}
	for name, text := range map[string]string{
		"notes":  `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissionsEgress": [], "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [` + strings.Join(ranges, ",") + `]}]}]}`,
		"rules":  `{"SecurityGroupRules": [` + strings.Join(rules, ",") + `]}`,
		"groups": `{"SecurityGroups": [` + strings.Join(groups, ",") + `]}`,
	} {
		began := time.Now()
		a := &Account{}
		if err := a.Read(name, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 30*time.Second { // a second is plenty on an idle machine
			t.Errorf("%s: took %s", name, took)
		}
		if name == "notes" && (len(a.Notes) != 51 || !strings.Contains(a.Notes[50].Text.String(), "19950 more")) {
			t.Errorf("%d notes, the last %s", len(a.Notes), a.Notes[len(a.Notes)-1])
		}
	}
}

func TestCutOffListIsNoted(t *testing.T) {
	a := &Account{}
	if err := a.Read("page.json", strings.NewReader(`{"SecurityGroups": [], "NextToken": "more"}`)); err != nil {
		t.Fatal(err)
	}
	if len(a.Notes) != 1 || !strings.Contains(a.Notes[0].String(), "page.json:1:37: this is incomplete") {
		t.Errorf("notes %v", a.Notes)
	}
}

// The last page, read after the others, completes them; one of another kind does not.
func TestPages(t *testing.T) {
	first, second := `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [], "IpPermissionsEgress": []}], "NextToken": "a"}`, `{"SecurityGroups": [], "NextToken": "b"}`
	last, other := `{"SecurityGroups": [{"GroupId": "sg-3", "IpPermissions": [], "IpPermissionsEgress": []}]}`, `{"NetworkInterfaces": []}`
	for _, test := range []struct {
		files []string
		notes int
	}{{[]string{first, second, last}, 0}, {[]string{first, other}, 1}, {[]string{last, first}, 1}, {[]string{first, second}, 2}} {
		if a := readTexts(t, test.files...); len(a.Notes) != test.notes {
			t.Errorf("%q: %d notes, want %d: %v", test.files, len(a.Notes), test.notes, a.Notes)
		}
	}
}

func TestNullIsNoGroups(t *testing.T) {
	a := &Account{}
	if err := a.Read("null.json", strings.NewReader(`{"SecurityGroups": null}`)); err != nil || len(a.Groups) != 0 {
		t.Errorf("%v, %d groups", err, len(a.Groups))
	}
}

// Each file has interfaces with the group sg-1.
func TestMembers(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{"byte-order-mark.json", "[10.0.0.10/32]"},
		{"delegated-prefixes.json", "[10.0.0.10/32 2001:db8::10/128 10.0.0.16/28 10.0.0.32/28 2001:db8:0:0:1::/80 10.0.1.0/28]"},
		{"prefix-with-host-bits.json", "[10.0.0.16/28]"},
		{"time-ec2-does-not-write.json", "[10.0.0.10/32 10.0.0.11/32 10.0.0.12/32]"},
	} {
		t.Run(test.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "interfaces", test.file))
			if err != nil {
				t.Fatal(err)
			}
			a := &Account{}
			if err := a.Read(test.file, bytes.NewReader(text)); err != nil {
				t.Fatal(err)
			}
			peers, reason := a.Peers(GroupRule{Rule: Rule{Reference: Reference{GroupID: "sg-1"}}})
			if got := fmt.Sprint(peers); got != test.want || !reason.Empty() {
				t.Errorf("got  %s %s\nwant %s", got, reason, test.want)
			}
			if hostBits := strings.Contains(test.file, "host-bits"); hostBits != (len(a.Notes) == 1) {
				t.Errorf("notes %v", a.Notes)
			}
		})
	}
}

// Every member that EC2 may write into a group, a permission or a rule is known, as the AWS SDK names
// them.
func TestMembersOfTheSDKAreKnown(t *testing.T) {
	permission := permissionMembers
	for _, source := range sources {
		permission = append(permission[:len(permission):len(permission)], source.names...)
	}
	for _, test := range []struct {
		of    reflect.Type
		known []string
	}{
		{reflect.TypeFor[types.SecurityGroup](), groupMembers},
		{reflect.TypeFor[types.IpPermission](), permission},
		{reflect.TypeFor[types.IpRange](), rangeMembers},
		{reflect.TypeFor[types.Ipv6Range](), range6Members},
		{reflect.TypeFor[types.PrefixListId](), listMembers},
		{reflect.TypeFor[types.UserIdGroupPair](), referenceMembers},
		{reflect.TypeFor[types.SecurityGroupRule](), ruleMembers},
		{reflect.TypeFor[types.RevokedSecurityGroupRule](), ruleMembers},
		{reflect.TypeFor[types.ReferencedSecurityGroup](), referenceMembers},
	} {
		for _, field := range reflect.VisibleFields(test.of) {
			if field.IsExported() && !slices.Contains(test.known, field.Name) {
				t.Errorf("%s.%s is unknown", test.of.Name(), field.Name)
			}
		}
	}
}

// Each file breaks one rule, and is named after it. What is wrong with the file ends it, and nothing
// of it is read; a rule that is wrong is left out; a small thing is noted.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, "groups.json")
		before := read(t, "groups.json")
		err = a.Read(filepath.Base(file), bytes.NewReader(text))
		var wrong *FileError
		switch {
		case err == nil:
			for _, u := range a.Unread {
				fmt.Fprintf(&b, "left out: %s: %v\n", u.ID, u.Err)
			}
			for _, note := range a.Notes[len(before.Notes):] {
				fmt.Fprintf(&b, "noted: %s\n", note)
			}
			if len(a.Unread) == 0 && len(a.Notes) == len(before.Notes) {
				t.Errorf("%s: nothing is said", file)
			}
			continue
		case !errors.As(err, &wrong):
			t.Errorf("%s: got %v, want a FileError", file, err)
			continue
		}
		if diff := cmp.Diff(lines(before), lines(a), cmpopts.EquateEmpty()); diff != "" || len(a.Notes) != len(before.Notes) {
			t.Errorf("%s was half read:\n%s", file, diff)
		}
		fmt.Fprintln(&b, err)
	}
	const golden = "testdata/invalid/errors.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-), now (+):\n%s", golden, diff)
	}
}

// Hostile input is rejected quickly.
func TestHostileInput(t *testing.T) {
	for name, text := range map[string]string{
		"100 MB of space":  strings.Repeat(" ", 100<<20),
		"100 MB of groups": `{"SecurityGroups": [` + strings.Repeat(`{"GroupId": "sg-1"},`, 5<<20) + `{}]}`,
		"10,000 deep":      `{"SecurityGroups": ` + strings.Repeat("[", 10001),
		"nothing":          "",
		"NaN":              `{"SecurityGroups": NaN}`,
		"huge number":      `{"PrefixLists": [{"PrefixListId": "pl-1", "MaxEntries": 1e400}]}`,
	} {
		began := time.Now()
		a := &Account{}
		err := a.Read("hostile.json", strings.NewReader(text))
		var wrong *FileError
		if !errors.As(err, &wrong) || wrong.Line < 1 || wrong.Column < 1 {
			t.Errorf("%s: got %v", name, err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

// EC2's own example of which flows it tracks (user guide, "Security group connection tracking").
func TestTracked(t *testing.T) {
	out4, out6 := rule("", packet.All, Any, Any, "0.0.0.0/0"), rule("", packet.All, Any, Any, "::/0")
	in := []Rule{
		rule("", packet.TCP, 22, 22, "203.0.113.1/32"), rule("", packet.TCP, 80, 80, "0.0.0.0/0"), rule("", packet.TCP, 80, 80, "::/0"), rule("", packet.ICMP, Any, Any, "0.0.0.0/0"),
	}
	for _, test := range []struct {
		name     string
		egress   []Rule
		protocol packet.Protocol
		peer     string
		port     int
		tracked  bool
	}{
		{"ssh from one address", []Rule{out4, out6}, packet.TCP, "203.0.113.1", 22, true},
		{"http from the world", []Rule{out4, out6}, packet.TCP, "203.0.113.1", 80, false},
		{"http over IPv6", []Rule{out4, out6}, packet.TCP, "2001:db8::1", 80, false},
		{"ICMP is always tracked", []Rule{out4, out6}, packet.ICMP, "203.0.113.1", 8, true},
		{"without outbound IPv4", []Rule{out6}, packet.TCP, "203.0.113.1", 80, true},
		{"IPv6 goes by itself", []Rule{out6}, packet.TCP, "2001:db8::1", 80, false},
		{"outbound for some ports only", []Rule{rule("", packet.TCP, 1024, 65535, "0.0.0.0/0")}, packet.TCP, "203.0.113.1", 80, true},
		{"outbound for all ports of TCP", []Rule{rule("", packet.TCP, 0, 65535, "0.0.0.0/0")}, packet.TCP, "203.0.113.1", 80, false},
		{"outbound for UDP only", []Rule{rule("", packet.UDP, 0, 65535, "0.0.0.0/0")}, packet.TCP, "203.0.113.1", 80, true},
		{"outbound to two halves of the world", []Rule{rule("", packet.All, Any, Any, "0.0.0.0/1"), rule("", packet.All, Any, Any, "128.0.0.0/1")}, packet.TCP, "203.0.113.1", 80, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			groups := []*Group{{ID: "sg-1", Ingress: in}, {ID: "sg-2", Egress: test.egress}}
			p := Packet{Protocol: test.protocol, Peer: addr(test.peer), To: test.port}
			if got := Tracked(groups, packet.Ingress, p); got != test.tracked {
				t.Errorf("tracked %v, want %v", got, test.tracked)
			}
		})
	}
}

func TestAudit(t *testing.T) {
	a := &Account{}
	var ranges []string
	for i := range 61 {
		ranges = append(ranges, fmt.Sprintf(`{"CidrIp": "10.0.%d.0/24"}`, i))
	}
	text := `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [
		{"IpProtocol": "-1", "IpRanges": [` + strings.Join(ranges, ",") + `]},
		{"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]},
		{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}]}`
	if err := a.Read("audit.json", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range a.Audit().Warnings {
		got = append(got, strings.TrimSpace(w.Rule+" "+w.Reason.String()))
	}
	want := []string{
		"sg-1:in:2.1 never matches: icmp is for IPv4; IPv6 has icmpv6",
		"sg-1:in:3.1 open to the world: tcp 22 from 0.0.0.0/0",
		"62 ingress rules for IPv4; EC2 allows 60 unless the quota is raised",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// A prefix list counts the same against the quota, whichever file describes it, in any order.
func TestPrefixListInQuota(t *testing.T) {
	const (
		group   = `{"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-1"}]}]}]}`
		managed = `{"PrefixLists": [{"PrefixListId": "pl-1", "AddressFamily": "IPv6", "MaxEntries": 61}]}`
		cidrs   = `{"PrefixLists": [{"PrefixListId": "pl-1", "PrefixListName": "office", "Cidrs": ["2001:db8::/32"]}]}`
		untold  = `{"PrefixLists": [{"PrefixListId": "pl-1", "MaxEntries": 61}]}`
		empty   = `{"PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": []}]}`
	)
	for _, test := range []struct {
		name  string
		files []string
		want  string
	}{
		{"told, entries unknown", []string{managed}, "IPv6"},
		{"told, no entries", []string{managed, empty}, "IPv6"},
		{"told first", []string{managed, cidrs}, "IPv6"},
		{"told last", []string{cidrs, managed}, "IPv6"},
		{"seen from the entries", []string{untold, cidrs}, "IPv6"},
		{"not known", []string{untold}, "IPv4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &Account{}
			for _, text := range append(test.files, group) {
				if err := a.Read("list.json", strings.NewReader(text)); err != nil {
					t.Fatal(err)
				}
			}
			want := fmt.Sprintf("61 ingress rules for %s; EC2 allows 60 unless the quota is raised", test.want)
			if w := a.Audit().Warnings; len(w) != 1 || w[0].Reason.String() != want {
				t.Errorf("got %v, want %s", w, want)
			}
		})
	}
}

// A packet that no rule admits is checked against every interface, for each rule with a group as
// its source.
func BenchmarkJudge(b *testing.B) {
	const interfaces = 5000
	for _, carrying := range []int{5, interfaces} {
		b.Run(fmt.Sprintf("%d of %d interfaces", carrying, interfaces), func(b *testing.B) {
			a := &Account{knowsInterfaces: true}
			for n := range interfaces {
				group := "sg-2"
				if n < carrying {
					group = "sg-1"
				}
				address := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
				a.Interfaces = append(a.Interfaces, Interface{Groups: []string{group}, Addresses: []netip.Addr{address}})
			}
			groups := []*Group{{ID: "sg-1", Ingress: []Rule{{Protocol: packet.TCP, From: 443, To: 443, Reference: Reference{GroupID: "sg-1"}}}}}
			p := Packet{Protocol: packet.TCP, Peer: addr("192.0.2.1"), To: 443}
			b.ReportAllocs()
			for b.Loop() {
				if _, admitted := a.Judge(groups, packet.Ingress, p); admitted {
					b.Fatal("admitted")
				}
			}
		})
	}
}

// On any input: no panic, and every source is enforced or listed.
func FuzzRead(f *testing.F) {
	for _, name := range append(everything, "rules.json") {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "ec2", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a := &Account{}
		if err := a.Read("fuzz.json", bytes.NewReader(text)); err != nil {
			var wrong *FileError
			if !errors.As(err, &wrong) {
				t.Errorf("%v has no place", err)
			}
			return
		}
		sources := len(a.Unread)
		for _, g := range a.Groups {
			sources += len(g.Ingress) + len(g.Egress)
		}
		if audit := a.Audit(); audit.Enforced+audit.Unenforceable != sources {
			t.Errorf("%d of %d sources accounted for", audit.Enforced+audit.Unenforceable, sources)
		}
	})
}
