package sim

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// A row is what was measured under a model, as docs/models.md has it.
type row struct {
	model string
	cells []string
}

// variants are rows of models that have no setting for it, and so cannot be simulated.
var variants = []string{
	"the same, rules with `ct state new`",
	"request (tombstone), deleted at each change, as Neutron with Open vSwitch",
	"keep, as the EKS agent", // which caches verdicts for each pair of addresses
}

// measured reads the table. Its last column is left out: a rule that denies cannot be put in front,
// since groups only allow.
func measured(t *testing.T) (rows []row) {
	t.Helper()
	text, err := os.ReadFile("../docs/models.md")
	if err != nil {
		t.Fatal(err)
	}
	note := regexp.MustCompile(` \[\d\]|\*\*`)
	stalls := regexp.MustCompile(`; (an inbound TCP connection stalls|replies of inbound flows too)`)
	_, table, _ := strings.Cut(string(text), "| model | ping 1 2 3 4 |")
	for _, line := range strings.Split(table, "\n")[2:] {
		if line == "" {
			break
		}
		cells := strings.Split(note.ReplaceAllString(strings.Trim(line, "| "), ""), " | ")
		name := cells[0]
		if slices.Contains(variants, name) {
			continue
		}
		name, _, _ = strings.Cut(name, ", as ")
		words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" (,)", r) })
		if name == "sweep" {
			words = append(words, "no-delay")
		}
		cells[6] = stalls.ReplaceAllString(cells[6], " stalls")
		rows = append(rows, row{strings.Join(words, "-"), cells[1:8]})
	}
	return rows
}

// Memory shows for each model what was measured.
func TestModels(t *testing.T) {
	rows := measured(t)
	if want := 14; len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	for _, r := range rows {
		t.Run(r.model, func(t *testing.T) {
			t.Parallel()
			m, err := enforce.Parse(r.model)
			if err != nil {
				t.Fatal(err)
			}
			got := append(revoked(t, m), withoutEgress(t, m), narrowed(t, m))
			if !slices.Equal(got, r.cells) {
				t.Errorf("in memory (first), measured (second):\n%s\n%s", strings.Join(got, " | "), strings.Join(r.cells, " | "))
			}
		})
	}
}

// A bench is a lab of two hosts: A with the rules and the model, and B, which is open.
type bench struct {
	*testing.T
	*session
	log *timeline.Log
}

var world = netip.MustParsePrefix("0.0.0.0/0")

// served are the rules that let B reach the services of A.
func served(source string) []sg.Rule {
	peer := netip.MustParsePrefix(source)
	return []sg.Rule{
		{ID: "icmp", Protocol: packet.ICMP, From: echoRequest, To: 0, Peer: peer},
		{ID: "tcp", Protocol: packet.TCP, From: 7, To: 7, Peer: peer},
		{ID: "udp", Protocol: packet.UDP, From: 7, To: 7, Peer: peer},
	}
}

func newBench(t *testing.T, m enforce.Model) bench {
	t.Helper()
	everything := sg.Rule{Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: world}
	in, out := everything, everything
	in.ID, out.ID = "in", "out"
	guarded := &sg.Group{ID: "guarded", Ingress: served("10.255.0.0/16"), Egress: []sg.Rule{out}}
	if m.Traits().Name == "stateless" { // what A's own ping needs
		guarded.Ingress = append(guarded.Ingress, sg.Rule{ID: "echoes", Protocol: packet.ICMP, From: echoReply, To: 0, Peer: netip.MustParsePrefix("10.255.1.10/32")})
	}
	keep, _ := enforce.Parse("keep")
	sc := &scenario.Scenario{
		Name: "models", Timeouts: sg.Nitro(),
		Hosts: []scenario.Host{
			{Name: "A", Address: netip.MustParsePrefix("10.255.1.197/16"), Groups: []string{"guarded"}, Model: m},
			{Name: "B", Address: netip.MustParsePrefix("10.255.1.10/16"), Groups: []string{"open"}, Model: keep},
		},
		Account: &sg.Account{Groups: []*sg.Group{guarded, {ID: "open", Ingress: []sg.Rule{in}, Egress: []sg.Rule{out}}}},
	}
	log := timeline.NewLog()
	s, err := Target{Interval: 10 * time.Millisecond}.Build(t.Context(), sc, log)
	if err != nil {
		t.Fatal(err)
	}
	return bench{t, s.(*session), log}
}

func (b bench) do(a scenario.Action) {
	b.Helper()
	if err := b.Do(b.Context(), a); err != nil {
		b.Fatal(err)
	}
}

func (b bench) revoke(ids ...string) {
	b.do(scenario.Change{Change: sg.Revoke{Group: "guarded", IDs: ids}})
}

func (b bench) authorize(rules ...sg.Rule) {
	b.do(scenario.Change{Change: sg.Authorize{Group: "guarded", Direction: packet.Ingress, Rules: rules}})
}

// begin starts a stream from B to a service of A, and has it send one packet.
func (b bench) begin(name string, p packet.Protocol) *stream {
	a := scenario.Start{Stream: name, From: "B", To: "A", Protocol: p}
	if p != packet.ICMP {
		a.Port = 7
	}
	b.do(a)
	return b.streams[len(b.streams)-1]
}

// answered lets a stream send packets, and returns how many of them are answered.
func (b bench) answered(r *stream, n int) int {
	before := len(b.log.Events())
	r.release(n, 0)
	r.settles(func() bool { return false })
	b.pass(enough)
	count := 0
	for _, e := range b.log.Events()[before:] {
		if replied, is := e.Body.(timeline.Replied); is && replied.Stream == r.Stream {
			count++
		}
	}
	return count
}

// says lets a TCP stream send messages, and returns whether all that it ever sent are answered after
// a while. A connection that was stalled goes on when a segment is sent again.
func (b bench) says(r *stream, while time.Duration) string {
	b.answered(r, 3)
	b.pass(while)
	if slices.ContainsFunc(r.probes, func(p probe) bool { return !p.settled }) {
		return "–"
	}
	return "ok"
}

// pushes has A send datagrams back over a flow, and returns whether they arrive.
func (b bench) pushes(r *stream) string {
	before := len(b.log.Events())
	const n = 10
	for range n {
		p := &datagram{Header: headed(reversed(r.key)), stream: r, answers: true, size: 100}
		r.to.send(p)
		b.pass(10 * time.Millisecond)
	}
	arrived := 0
	for _, e := range b.log.Events()[before:] {
		if j, is := e.Body.(timeline.Judged); is && j.Host == "B" && j.Direction == packet.Ingress && j.Stream == r.Stream && j.Accepted {
			arrived++
		}
	}
	return map[bool]string{true: "ok", false: "–"}[arrived == n]
}

// downloads has A send data over a connection, and returns whether B acknowledges all of it after a while.
func (b bench) downloads(r *stream, while time.Duration) string {
	server := r.to.ends[reversed(r.key)]
	const size = 50 // bytes
	for range 10 {
		server.write(size)
		b.pass(2 * delayedACK)
	}
	b.pass(while)
	return map[bool]string{true: "ok", false: "–"}[server.una == server.end]
}

// revoked revokes the rules for what B uses, has B begin more, and restores the rules. It returns the
// answers to ten packets of a ping in each of the four steps; of UDP in the second and the fourth; whether a TCP connection goes on in the last three; and whether
// datagrams and a download that A alone sends go on without the rules, the download also with them.
func revoked(t *testing.T, m enforce.Model) []string {
	b := newBench(t, m)
	ping, udp, tcp := b.begin("ping", packet.ICMP), b.begin("udp", packet.UDP), b.begin("tcp", packet.TCP)
	push, download := b.begin("push", packet.UDP), b.begin("download", packet.TCP)
	b.answered(push, 1)
	b.answered(download, 1)
	var pings, datagrams, connection, downloads []string
	add := func(to *[]string, n int) { *to = append(*to, fmt.Sprint(n)) }
	add(&pings, b.answered(ping, 10))
	if b.answered(udp, 10) != 10 || b.says(tcp, 0) != "ok" || b.pushes(push) != "ok" || b.downloads(download, time.Second) != "ok" {
		t.Error("the rules allow it, and it does not work")
	}
	b.revoke("icmp", "tcp", "udp")
	pushed := b.pushes(push)
	downloads = append(downloads, b.downloads(download, time.Second))
	add(&pings, b.answered(ping, 10))
	add(&datagrams, b.answered(udp, 10))
	connection = append(connection, b.says(tcp, 0))
	ping2, udp2, tcp2 := b.begin("ping2", packet.ICMP), b.begin("udp2", packet.UDP), b.begin("tcp2", packet.TCP)
	add(&pings, b.answered(ping, 10))
	connection = append(connection, b.says(tcp, 0))
	if b.answered(ping2, 10) != 0 || b.answered(udp2, 10) != 0 || b.answered(tcp2, 3) != 0 {
		t.Error("a flow that is new passes without a rule")
	}
	b.authorize(served("10.255.0.0/16")...)
	add(&pings, b.answered(ping, 10))
	add(&datagrams, b.answered(udp, 10))
	if b.answered(ping2, 10) != 10 || b.answered(udp2, 10) != 10 || b.answered(tcp2, 3) != 3 {
		t.Error("a flow that is new does not pass with the rule restored")
	}
	connection = append(connection, b.says(tcp, time.Minute))
	downloads = append(downloads, b.downloads(download, time.Minute))
	var row []string
	for _, of := range [][]string{pings, datagrams, connection, {pushed}, downloads} {
		row = append(row, strings.Join(of, " "))
	}
	return row
}

// withoutEgress revokes A's egress rule, and returns the answers to ten packets of A's own ping. It
// adds whether a connection of B's stalls.
func withoutEgress(t *testing.T, m enforce.Model) string {
	b := newBench(t, m)
	tcp := b.begin("tcp", packet.TCP)
	b.do(scenario.Start{Stream: "out", From: "A", To: "B", Protocol: packet.ICMP})
	out := b.streams[1]
	if b.answered(out, 3) != 3 || b.says(tcp, 0) != "ok" {
		t.Error("the rules allow it, and it does not work")
	}
	b.revoke("out")
	n := b.answered(out, 10)
	if b.says(tcp, time.Minute) == "ok" {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d stalls", n)
}

// narrowed replaces A's rule by one for B alone, and returns whether B's connection goes on.
func narrowed(t *testing.T, m enforce.Model) string {
	b := newBench(t, m)
	tcp, ping := b.begin("tcp", packet.TCP), b.begin("ping", packet.ICMP)
	if b.says(tcp, 0) != "ok" || b.answered(ping, 3) != 3 {
		t.Error("the rules allow it, and it does not work")
	}
	b.revoke("icmp", "tcp", "udp")
	b.authorize(narrower("10.255.1.10/32")...)
	if b.answered(ping, 10) != 10 {
		t.Error("the ping does not go on under the narrower rule")
	}
	return b.says(tcp, time.Minute)
}

// narrower are rules for the same services, with ids of their own.
func narrower(source string) []sg.Rule {
	rules := served(source)
	for i := range rules {
		rules[i].ID += "-again"
	}
	return rules
}

// What conntrack reports of a ping whose rule is revoked and restored tells models apart, together
// with the state of the packets that are dropped.
func TestEvidence(t *testing.T) {
	for _, test := range []struct{ model, events, dropped string }{
		{"keep", "new update", ""},
		{"aws", "new update", ""},
		{"cut", "new update destroy new update", "new"},
		{"cut-all", "new update destroy new update", "new"},
		{"request", "new update", "established"},
		{"request-tombstone", "new update update", "established"},
		{"tied", "new update", "established"},
		{"rejudge", "new update update", "established"},
		{"stateless", "new update", "established"},
		{"syn", "new update", "established"},
		{"sweep", "new update", ""},
	} {
		m, err := enforce.Parse(test.model)
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t, m)
		ping := b.begin("ping", packet.ICMP)
		b.answered(ping, 3)
		b.revoke("icmp")
		b.answered(ping, 3)
		b.authorize(served("10.255.0.0/16")[0])
		b.answered(ping, 3)
		var events, dropped []string
		for _, e := range b.log.Events() {
			switch body := e.Body.(type) {
			case timeline.EntryChanged:
				if body.Host == "A" {
					events = append(events, string(body.Change))
				}
			case timeline.Judged:
				if !body.Accepted {
					dropped = append(dropped, string(body.State))
				}
			}
		}
		if got := strings.Join(events, " "); got != test.events {
			t.Errorf("%s: conntrack reports %s, want %s", test.model, got, test.events)
		}
		if got := strings.Join(slices.Compact(dropped), " "); got != test.dropped {
			t.Errorf("%s: packets are dropped as %q, want %q", test.model, got, test.dropped)
		}
	}
}

// A sweep comes 30 seconds after the change, or sooner in a time-lapse.
func TestSweepIsDelayed(t *testing.T) {
	m, _ := enforce.Parse("sweep")
	for scale, delay := range map[float64]time.Duration{1: 30 * time.Second, 0.1: 3 * time.Second} {
		b := newBench(t, m)
		b.scale = scale
		tcp := b.begin("tcp", packet.TCP)
		b.answered(tcp, 1)
		b.revoke("tcp")
		if b.pass(delay / 2); b.answered(tcp, 1) != 1 {
			t.Errorf("scale %v: it stalls before the sweep", scale)
		}
		if b.pass(delay / 2); b.answered(tcp, 1) != 0 {
			t.Errorf("scale %v: it goes on after the sweep", scale)
		}
	}
}

// Peers that a prefix list loses lose their flows too, as the model treats flows without a rule.
func TestMembersLeave(t *testing.T) {
	for model, want := range map[string]int{"keep": 3, "cut": 0, "rejudge": 0, "tied": 0} {
		m, _ := enforce.Parse(model)
		b := newBench(t, m)
		b.revoke("icmp")
		office := sg.PrefixList{ID: "office", Known: true, Entries: []netip.Prefix{netip.MustParsePrefix("10.255.1.10/32"), netip.MustParsePrefix("10.9.0.0/16")}}
		account := b.policy.Account.Clone()
		account.PrefixLists = append(account.PrefixLists, office)
		b.policy.Account = account
		b.authorize(sg.Rule{ID: "office", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, PrefixList: "office"})
		ping := b.begin("ping", packet.ICMP)
		if b.answered(ping, 3) != 3 {
			t.Fatal("the prefix list does not allow it")
		}
		b.do(scenario.Change{Change: sg.ModifyPrefixList{PrefixList: "office", Remove: office.Entries[:1]}})
		if got := b.answered(ping, 3); got != want {
			t.Errorf("%s: %d of 3 answered, want %d", model, got, want)
		}
	}
}
