package sim

import (
	"net/netip"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/internal/modeltest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// Memory shows for each model what was measured.
func TestModels(t *testing.T) {
	modeltest.Compare(t, "../docs/models.md", Target{Interval: 10 * time.Millisecond})
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

// What conntrack reports tells models apart.
func TestEvidence(t *testing.T) {
	modeltest.Evidence(t, Target{Interval: 10 * time.Millisecond})
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
