package lab

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

func prober(t testing.TB, enforced enforce.Host) *Prober {
	t.Helper()
	nstest.Kernel(t)
	p, err := NewProber(t.Context(), enforced)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// ec2 returns the account that the fixtures in testdata/ec2 describe.
func ec2(t testing.TB) *sg.Account {
	t.Helper()
	a := &sg.Account{}
	for _, name := range []string{"groups.json", "interfaces.json", "prefix-lists.json", "managed-prefix-lists.json", "pl-0123456789abcdef0.json"} {
		text, err := os.ReadFile("../testdata/ec2/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Read(name, bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestProbe(t *testing.T) {
	a := ec2(t)
	p := prober(t, enforce.Host{Account: a, Groups: a.Groups})
	own4, own6 := netip.MustParseAddr("10.255.1.197"), netip.MustParseAddr("2001:db8::197")
	addr := netip.MustParseAddr
	for _, test := range []struct {
		name  string
		probe Probe
		rule  string
	}{
		{"tcp from the world", Probe{From: addr("203.0.113.7"), To: own4, Protocol: packet.TCP, SourcePort: 4711, Port: 443}, "sg-0a1:in:1.1"},
		{"tcp over IPv6", Probe{From: addr("2001:db8:1::7"), To: own6, Protocol: packet.TCP, SourcePort: 4711, Port: 443}, "sg-0a1:in:1.2"},
		{"another port", Probe{From: addr("203.0.113.7"), To: own4, Protocol: packet.TCP, SourcePort: 4711, Port: 444}, "default-deny"},
		{"udp", Probe{From: addr("203.0.113.7"), To: own4, Protocol: packet.UDP, SourcePort: 4711, Port: 443}, "default-deny"},
		{"echo request", Probe{From: addr("10.255.9.9"), To: own4, Protocol: packet.ICMP, Type: 8}, "sg-0a1:in:2.1"},
		{"ICMP that begins no flow", Probe{From: addr("10.255.9.9"), To: own4, Protocol: packet.ICMP, Type: 3, Code: 4}, "default-deny"},
		{"ICMPv6", Probe{From: addr("2001:db8::5"), To: own6, Protocol: packet.ICMPv6, Type: 128}, "sg-0a1:in:3.1"},
		{"a member of a group", Probe{From: addr("10.255.1.11"), To: own4, Protocol: packet.TCP, SourcePort: 4711, Port: 8042}, "sg-0a2:in:1.1"},
		{"not a member", Probe{From: addr("10.255.1.12"), To: own4, Protocol: packet.TCP, SourcePort: 4711, Port: 8042}, "default-deny"},
		{"an entry of a prefix list", Probe{From: addr("192.0.3.3"), To: own4, Protocol: packet.TCP, SourcePort: 4711, Port: 22}, "sg-0a2:in:2.3"},
		{"GRE", Probe{From: addr("192.0.2.1"), To: own4, Protocol: 47}, "sg-0a2:in:3.1"},
		{"any address of one's own", Probe{From: addr("203.0.113.7"), To: addr("198.51.100.1"), Protocol: packet.TCP, SourcePort: 4711, Port: 443}, "sg-0a1:in:1.1"},
		{"going out", Probe{Egress: true, From: own4, To: addr("8.8.8.8"), Protocol: packet.UDP, SourcePort: 4711, Port: 53}, "sg-0a1:out:1.1"},
		{"not a member by its public address", Probe{From: addr("198.51.100.7"), To: own4, Protocol: packet.TCP, SourcePort: 4711, Port: 8042}, "default-deny"},
		{"Amazon DNS", Probe{Egress: true, From: own4, To: addr("169.254.169.253"), Protocol: packet.UDP, SourcePort: 4711, Port: 53}, packet.AmazonServiceID},
		{"going out to many", Probe{Egress: true, From: own4, To: addr("224.0.0.251"), Protocol: packet.UDP, SourcePort: 5353, Port: 5353}, "sg-0a1:out:1.1"},
		{"going out to many over IPv6", Probe{Egress: true, From: own6, To: addr("ff02::fb"), Protocol: packet.UDP, SourcePort: 5353, Port: 5353}, "sg-0a1:out:2.1"},
		{"going out to many at another site", Probe{Egress: true, From: own6, To: addr("ff05::2"), Protocol: packet.TCP, SourcePort: 5353, Port: 5353}, "sg-0a1:out:2.1"},
		{"going out over IPv6", Probe{Egress: true, From: own6, To: addr("2001:4860::8888"), Protocol: packet.TCP, SourcePort: 4711, Port: 53}, "sg-0a1:out:2.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the first run must leave nothing that could help the second
				got, err := p.Ask(t.Context(), []Probe{test.probe})
				if err != nil {
					t.Fatal(err)
				}
				if got[0].Rule != test.rule || got[0].Admitted != (test.rule != "default-deny") {
					t.Errorf("got %+v, want %s", got[0], test.rule)
				}
				want := packet.New
				switch d, p := test.probe.Packet(); {
				case test.probe.Type == 3:
					want = "invalid"
				case !sg.Tracked(a.Groups, d, p):
					want = "untracked"
				}
				if got[0].State != want {
					t.Errorf("state %s, want %s", got[0].State, want)
				}
			}
		})
	}
	got, err := p.Ask(t.Context(), []Probe{{From: addr("224.0.0.1"), To: own4, Protocol: packet.UDP, SourcePort: 1, Port: 1}})
	if err != nil || !got[0].Impossible {
		t.Errorf("a source that cannot be: %+v, %v", got, err)
	}
}

// Random groups and random packets: the kernel does what sg predicts.
func TestPredictionIsWhatTheKernelDoes(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	const groups, packets = 40, 500
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	all, untracked := map[bool]int{}, 0
	var wrong *disagreement
	for round := range groups {
		a := randomAccount(random)
		p, err := NewProber(t.Context(), enforce.Host{Account: a, Groups: a.Groups})
		if err != nil {
			t.Fatal(err)
		}
		probes := make([]Probe, packets)
		for i := range probes {
			probes[i] = randomProbe(random, i)
		}
		judgements, err := p.Ask(t.Context(), probes)
		if err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		for i, probe := range probes {
			d, packet := probe.Packet()
			by, admitted := a.Judge(a.Groups, d, packet)
			all[admitted]++
			tracked := sg.Tracked(a.Groups, d, packet)
			if judgements[i].State == "untracked" {
				untracked++
			}
			if isOther(probe.Protocol) && judgements[i].State != "new" {
				t.Errorf("seed %d, round %d: %s is %q, and begins no flow", seed, round, probe, judgements[i].State)
			}
			if admitted != judgements[i].Admitted || judgements[i].Impossible || admitted && tracked != (judgements[i].State != "untracked") {
				t.Errorf("seed %d, round %d: %s: predicted %v by %s, the kernel says %+v", seed, round, probe, admitted, by.Rule.ID, judgements[i])
				wrong = &disagreement{a.Groups, a.Interfaces, a.PrefixLists, probe}
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if wrong != nil {
		wrong.shrink(t.Context(), predicted).keep(t, fmt.Sprintf("seed-%d", seed))
	}
	if all[true] < packets || all[false] < packets || untracked == 0 {
		t.Errorf("%d admitted, %d dropped, %d untracked: that tests little", all[true], all[false], untracked)
	}
	t.Logf("%d admitted, %d dropped, %d untracked", all[true], all[false], untracked)
}

// Random groups and random packets that pass through a host: the inbound rules decide first, and
// then the outbound ones, as predicted.
func TestPredictionOfWhatIsForwarded(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	const groups, packets = 10, 500
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	met := map[[2]bool]int{}
	for range groups {
		a := randomAccount(random)
		p, err := NewProber(t.Context(), enforce.Host{Account: a, Groups: a.Groups})
		if err != nil {
			t.Fatal(err)
		}
		probes := make([]Probe, packets)
		for i := range probes {
			if probes[i] = randomProbe(random, i); random.IntN(5) > 0 {
				six := probes[i].From.Is6()
				probes[i].Egress, probes[i].Forward, probes[i].From, probes[i].To = false, true, randomAddr(random, six), randomAddr(random, six)
			}
		}
		judgements, err := p.Ask(t.Context(), probes)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, probe := range probes {
			d, arriving := probe.Packet()
			_, in := a.Judge(a.Groups, d, arriving)
			if got := judgements[i]; !probe.Forward {
				if got.Admitted != in || got.Released != "" {
					t.Errorf("seed %d: %s: predicted %v, the kernel says %+v", seed, probe, in, got)
				}
				continue
			}
			by, out := a.Judge(a.Groups, packet.Egress, probe.Departure())
			met[[2]bool{in, out}]++
			released := ""
			if in {
				released = packet.DefaultDenyID
			}
			if in && out {
				released = judgements[i].Released
			}
			if got := judgements[i]; got.Admitted != (in && out) || (got.Rule != packet.DefaultDenyID) != in || got.Released != released || got.Admitted && got.Released == "" ||
				got.Impossible || got.State == packet.Untracked {
				t.Errorf("seed %d: %s: predicted %v in and %v out (%s), the kernel says %+v", seed, probe, in, out, by.Rule.ID, got)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, ways := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
		if met[ways] < groups {
			t.Errorf("only %d packets of %v: that tests little", met[ways], ways)
		}
	}
	t.Log(met)
}

// While the rules change, no packet passes that neither the old nor the new rules allow, and none
// is lost that both allow. Packets are sent as fast as possible during each change, far more than
// 2,000 a second.
func TestChangesUnderFire(t *testing.T) {
	const changes, packets = 200, 64
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	last := uint32(0)
	enforced := func(a *sg.Account) enforce.Host {
		return enforce.Host{Account: a, Groups: a.Groups, Guarded: true, Sinks: true, Number: func(*sg.Group, sg.Rule) uint32 { last++; return last }}
	}
	old := randomAccount(random)
	p := prober(t, enforced(old))
	sure, met := 0, 0
	began := time.Now()
	for round := range changes {
		fresh := randomAccount(random)
		if round%3 == 0 { // the same rules with other members
			fresh = old.Clone()
			for i := range fresh.Interfaces {
				fresh.Interfaces[i].Addresses = []netip.Addr{randomAddr(random, false), randomAddr(random, true)}
			}
			fresh.PrefixLists[0].Entries = []netip.Prefix{randomPrefix(random), randomPrefix(random)}
		}
		to := enforced(fresh)
		if round%3 == 0 {
			to.Number = sameNumbers(p.host.rules.InForce())
		}
		to.WasUntracked = true
		tables, err := enforce.Compile(to)
		must(t, err)
		probes := make([]Probe, packets)
		for i := range probes {
			probes[i] = randomProbe(random, i)
		}
		changed := make(chan error)
		go func() { changed <- p.host.rules.Change(tables) }()
		judgements, err := p.Ask(t.Context(), probes)
		if err := errors.Join(err, <-changed); err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		for i, probe := range probes {
			d, packet := probe.Packet()
			byOld, before := old.Judge(old.Groups, d, packet)
			byNew, after := fresh.Judge(fresh.Groups, d, packet)
			if before != after {
				met++
				continue
			}
			sure++
			if judgements[i].Admitted != before {
				t.Errorf("seed %d, round %d: %s: admitted %v before (by %s) and after (by %s), but %+v meanwhile", seed, round, probe, before, byOld.Rule, byNew.Rule, judgements[i])
			}
		}
		old = fresh
	}
	rate := float64(changes*packets) / time.Since(began).Seconds()
	if met == 0 || sure == 0 {
		t.Errorf("%d packets whose fate was sure, %d that met a change: that tests little", sure, met)
	}
	t.Logf("%d packets whose fate was sure, %d that met a change; %.0f a second", sure, met, rate)
}

// sameNumbers gives rules the numbers that they have already.
func sameNumbers(tables []ruleset.Table) func(*sg.Group, sg.Rule) uint32 {
	numbers := map[string]uint32{}
	for _, t := range tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				numbers[r.Comment] = r.By.Number
			}
		}
	}
	return func(_ *sg.Group, r sg.Rule) uint32 { return numbers[r.ID] }
}

// randomAccount returns an account with a few groups, in a small world where matches are frequent.
func randomAccount(r *rand.Rand) *sg.Account {
	a := &sg.Account{PrefixLists: []sg.PrefixList{{ID: "pl-1", Known: true}}}
	for range r.IntN(4) {
		a.PrefixLists[0].Entries = append(a.PrefixLists[0].Entries, randomPrefix(r))
	}
	for n := range 1 + r.IntN(3) {
		g := &sg.Group{ID: fmt.Sprintf("sg-%d", n)}
		a.Interfaces = append(a.Interfaces, sg.Interface{Groups: []string{g.ID}, Addresses: []netip.Addr{randomAddr(r, false), randomAddr(r, true)}})
		for i := range r.IntN(8) {
			g.Ingress = append(g.Ingress, randomRule(r, fmt.Sprintf("sg-%d:in:%d", n, i)))
			g.Egress = append(g.Egress, randomRule(r, fmt.Sprintf("sg-%d:out:%d", n, i)))
		}
		a.Groups = append(a.Groups, g)
	}
	return a
}

func randomRule(r *rand.Rand, id string) sg.Rule {
	rule := sg.Rule{ID: id, From: sg.Any, To: sg.Any, Protocol: []packet.Protocol{packet.All, packet.TCP, packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6, randomOther(r), randomOther(r)}[r.IntN(8)]}
	switch rule.Protocol {
	case packet.TCP, packet.UDP:
		rule.From = r.IntN(8)
		rule.To = rule.From + r.IntN(4)
	case packet.ICMP, packet.ICMPv6:
		if r.IntN(2) == 0 {
			rule.From = []int{8, 3, 128, 0}[r.IntN(4)]
			rule.To = r.IntN(3) - 1
		}
	}
	switch r.IntN(8) {
	case 0:
		rule.PrefixList = "pl-1"
	case 2: // open to the world, often on all ports: this decides about tracking
		rule.Peer = netip.PrefixFrom(randomAddr(r, r.IntN(3) == 0), 0).Masked()
		if rule.Protocol == packet.TCP || rule.Protocol == packet.UDP {
			rule.From, rule.To = 0, []int{65535, 9}[r.IntN(2)]
		}
	case 1:
		rule.Reference = sg.Reference{GroupID: fmt.Sprintf("sg-%d", r.IntN(3)), Owner: "1"}
	default:
		rule.Peer = randomPrefix(r)
	}
	return rule
}

// isOther reports whether EC2 tracks a protocol by addresses and protocol number.
func isOther(p packet.Protocol) bool { return p != packet.TCP && p != packet.UDP && !p.IsICMP() }

// randomOther returns such a protocol.
func randomOther(r *rand.Rand) packet.Protocol {
	const esp = 50
	others := append(packet.Disguised(), esp)
	return others[r.IntN(len(others))]
}

func randomAddr(r *rand.Rand, six bool) netip.Addr {
	if six {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(1 + r.IntN(15))})
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + r.IntN(15))})
}

func randomPrefix(r *rand.Rand) netip.Prefix {
	address := randomAddr(r, r.IntN(3) == 0)
	bits := []int{0, address.BitLen() - 4, address.BitLen() - 3, address.BitLen() - 2, address.BitLen() - 1, address.BitLen()}[r.IntN(6)]
	return netip.PrefixFrom(address, bits).Masked()
}

func randomProbe(r *rand.Rand, i int) Probe {
	six := r.IntN(3) == 0
	own := netip.MustParseAddr("10.255.1.197")
	if six {
		own = netip.MustParseAddr("fd00::197")
	}
	b := Probe{Egress: r.IntN(3) == 0, From: randomAddr(r, six), To: own, SourcePort: uint16(1024 + i), Port: uint16(r.IntN(12))}
	if b.Egress {
		b.From, b.To = b.To, b.From
	}
	if r.IntN(3) == 0 { // from a port that may be open itself
		b.SourcePort, b.Port = b.Port, b.SourcePort
	}
	b.Protocol = []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6, randomOther(r), randomOther(r)}[r.IntN(6)]
	if six && b.Protocol == packet.ICMP || !six && b.Protocol == packet.ICMPv6 {
		b.Protocol = packet.TCP // ICMP of the other IP version exists on no wire
	}
	b.Type, b.Code = []uint8{8, 3, 128, 0, 13}[r.IntN(5)], uint8(r.IntN(3))
	return b
}

func BenchmarkAsk(b *testing.B) {
	a := ec2(b)
	p := prober(b, enforce.Host{Account: a, Groups: a.Groups})
	r := rand.New(rand.NewPCG(1, 1))
	probes := make([]Probe, 1000)
	for i := range probes {
		probes[i] = randomProbe(r, i)
	}
	for b.Loop() {
		if _, err := p.Ask(b.Context(), probes); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(probes)*b.N)/b.Elapsed().Seconds(), "packets/s")
}
