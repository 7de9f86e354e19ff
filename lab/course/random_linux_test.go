package course_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/render"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

var seeds = flag.Uint64("seeds", 24, "how many random scenarios to run")

// disagreed are seeds for which memory once differed from the kernel: in where a rule stands whose
// members were listed in another order, and in a connection picked up from either side. The next were
// misexplained with models: another rule had admitted a flow again.
var (
	disagreed    = []uint64{195, 441, 275}
	misexplained = []uint64{198}
)

// Whatever happens, no sentence contradicts the evidence, and memory shows the same. A scenario
// mostly waits, so sixteen run side by side.
func TestRandomScenarios(t *testing.T) {
	nstest.Kernel(t)
	const jobs = 16
	var workers sync.WaitGroup
	type which struct {
		seed     uint64
		modelled bool
	}
	next := make(chan which)
	for range jobs {
		workers.Go(func() {
			for w := range next {
				t.Run(strconv.FormatUint(w.seed, 10), func(t *testing.T) {
					r := run(t, newImprovisation(w.seed, w.modelled).scenario(), 2*time.Millisecond)
					if t.Failed() {
						_ = render.NewText(os.Stderr, 120, nil).All(r)
					}
				})
			}
		})
	}
	for seed := range *seeds {
		next <- which{seed, true}
	}
	for _, seed := range disagreed {
		next <- which{seed, false}
	}
	for _, seed := range misexplained {
		next <- which{seed, true}
	}
	close(next)
	workers.Wait()
}

// keep writes the record of a failed run to a file.
func keep(t *testing.T, events []timeline.Event) {
	t.Helper()
	f, err := os.CreateTemp("", "random-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make(chan timeline.Event, len(events))
	for _, e := range events {
		all <- e
	}
	close(all)
	if err := timeline.Write(f, all); err != nil {
		t.Fatal(err)
	}
	t.Log("its record:", f.Name())
}

// An improvisation makes up a scenario as it goes along.
type improvisation struct {
	*rand.Rand
	sc      *scenario.Scenario
	account *sg.Account // as it is by now
	running []string
	starts  map[string]scenario.Start
	names   int
}

// newImprovisation begins a scenario whose hosts have EC2's model or, if modelled is set, any.
func newImprovisation(seed uint64, modelled bool) *improvisation {
	m := &improvisation{Rand: rand.New(rand.NewPCG(seed, 0)), starts: map[string]scenario.Start{}}
	m.sc = &scenario.Scenario{Name: fmt.Sprint("random ", seed), Timeouts: sg.Nitro(), Account: &sg.Account{}}
	office := sg.PrefixList{ID: "office", Known: true, Entries: []netip.Prefix{m.host(1), netip.MustParsePrefix("192.0.2.0/24")}}
	m.sc.Account.PrefixLists = []sg.PrefixList{office}
	for _, id := range groups {
		m.sc.Account.Groups = append(m.sc.Account.Groups, &sg.Group{ID: id})
	}
	for _, g := range m.sc.Account.Groups {
		for range 1 + m.IntN(3) {
			g.Ingress = append(g.Ingress, m.rule())
		}
		if m.IntN(4) > 0 {
			g.Egress = []sg.Rule{{ID: m.name("out"), Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
		}
	}
	for i := range 2 + m.IntN(2) {
		m.sc.Hosts = append(m.sc.Hosts, scenario.Host{Name: string(rune('A' + i)), Address: netip.PrefixFrom(m.host(i).Addr(), 16), Groups: m.someGroups()})
	}
	if modelled {
		m.someModels(seed)
	}
	m.account = m.sc.Policy()
	return m
}

// someModels gives each host a model, with settings. They do not change what else is made up.
func (m *improvisation) someModels(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	models := enforce.Models()
	for i := range m.sc.Hosts {
		model := models[r.IntN(len(models))]
		for _, k := range model.Traits().Knobs {
			value := k.Choices[r.IntN(len(k.Choices))]
			if k.Name == "delay" {
				value = "none" // a run is not to take minutes
			}
			model, _ = enforce.With(model, k.Name, value)
		}
		m.sc.Hosts[i].Model = model
	}
}

// mayHaveACL reports whether a host's model goes with a network ACL.
func (m *improvisation) mayHaveACL(host string) bool {
	for _, h := range m.sc.Hosts {
		if h.Name == host {
			return h.Enforcement().Traits().ACL
		}
	}
	return false
}

var (
	groups = []string{"red", "green", "blue"}
	ports  = []int{22, 8080}
)

// host returns the address of a host.
func (m *improvisation) host(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 255, 1, byte(10 + i)}), 32)
}

func (m *improvisation) name(what string) string {
	m.names++
	return fmt.Sprint(what, "-", m.names)
}

func (m *improvisation) someGroups() (some []string) {
	for _, g := range groups {
		if m.IntN(2) == 0 {
			some = append(some, g)
		}
	}
	return some
}

func (m *improvisation) anyHost() string { return m.sc.Hosts[m.IntN(len(m.sc.Hosts))].Name }

// rule makes up an inbound rule.
func (m *improvisation) rule() sg.Rule {
	r := sg.Rule{ID: m.name("rule"), From: sg.Any, To: sg.Any}
	switch r.Protocol = []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.All}[m.IntN(4)]; r.Protocol {
	case packet.TCP, packet.UDP:
		r.From = ports[m.IntN(2)]
		r.To = r.From + m.IntN(2)*10_000
	}
	switch m.IntN(6) {
	case 0:
		r.Reference = sg.Reference{GroupID: groups[m.IntN(len(groups))]}
	case 1:
		r.PrefixList = "office"
	case 2:
		r.Peer = netip.MustParsePrefix("0.0.0.0/0")
	case 3:
		r.Peer = m.host(m.IntN(3))
	default:
		r.Peer = netip.MustParsePrefix("10.255.0.0/16")
	}
	return r
}

func (m *improvisation) scenario() *scenario.Scenario {
	for i := range 6 {
		x := scenario.Experiment{Title: fmt.Sprint(i + 1), For: 1 + m.IntN(4)}
		for range 1 + m.IntN(3) {
			x.Do = append(x.Do, m.action())
		}
		if i == 0 || len(m.running) == 0 {
			x.Do = append(x.Do, m.start())
		}
		m.sc.Experiments = append(m.sc.Experiments, x)
	}
	return m.sc
}

// action makes up an action that is possible now.
func (m *improvisation) action() scenario.Action {
	for {
		switch m.IntN(9) {
		case 0, 1:
			if len(m.running) < 4 {
				return m.start()
			}
		case 2:
			if len(m.running) > 0 && m.IntN(2) == 0 {
				return m.restart()
			}
		case 3:
			cut := scenario.Cut{All: true}
			if len(m.running) > 0 && m.IntN(2) == 0 {
				cut = scenario.Cut{Stream: m.running[m.IntN(len(m.running))]}
			}
			if m.IntN(2) == 0 {
				cut.Host = m.anyHost()
			}
			return cut
		case 4:
			loose := m.IntN(2) == 0
			return scenario.Configure{Loose: &loose}
		default:
			if c := m.change(); c != nil {
				return scenario.Change{Change: c}
			}
		}
	}
}

func (m *improvisation) start() scenario.Action {
	from, to := m.anyHost(), m.anyHost()
	for to == from {
		to = m.anyHost()
	}
	s := scenario.Start{Stream: m.name("s"), Protocol: []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP}[m.IntN(3)], From: from, To: to}
	if s.Protocol != packet.ICMP {
		s.Port, s.Unserved = ports[m.IntN(2)], m.IntN(4) == 0
	}
	m.running = append(m.running, s.Stream)
	m.starts[s.Stream] = s
	return s
}

func (m *improvisation) restart() scenario.Action {
	i := m.IntN(len(m.running))
	r := scenario.Restart{Stream: m.running[i], As: m.name("s"), Same: m.IntN(2) == 0}
	m.running[i] = r.As
	return r
}

// change makes up a change of the account, or returns nil.
func (m *improvisation) change() sg.Change {
	var c sg.Change
	g := m.account.Groups[m.IntN(len(m.account.Groups))]
	switch m.IntN(6) {
	case 0, 1:
		if len(g.Ingress) == 0 {
			return nil
		}
		c = sg.Revoke{Group: g.ID, IDs: []string{g.Ingress[m.IntN(len(g.Ingress))].ID}}
	case 2:
		c = sg.Authorize{Group: g.ID, Direction: packet.Ingress, Rules: []sg.Rule{m.rule()}}
	case 3:
		c = sg.Attach{Interface: m.anyHost(), Groups: m.someGroups()}
	case 4:
		c = sg.SetACL{Interface: m.anyHost()}
		if m.IntN(2) == 0 {
			allow := sg.ACLRule{Number: 100, Allow: true, Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}
			c = sg.SetACL{Interface: m.anyHost(), ACL: &sg.ACL{Ingress: []sg.ACLRule{allow}}}
		}
	case 5:
		list := m.account.PrefixLists[0]
		if entry := m.host(m.IntN(3)); contains(list.Entries, entry) {
			c = sg.ModifyPrefixList{PrefixList: list.ID, Remove: []netip.Prefix{entry}}
		} else {
			c = sg.ModifyPrefixList{PrefixList: list.ID, Add: []netip.Prefix{entry}}
		}
	}
	to, err := m.account.Apply(c)
	if set, is := c.(sg.SetACL); err != nil || is && !m.mayHaveACL(set.Interface) {
		return nil
	}
	m.account = to
	return c
}

func contains(list []netip.Prefix, p netip.Prefix) bool {
	for _, entry := range list {
		if entry == p {
			return true
		}
	}
	return false
}
