package course_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

var seeds = flag.Int("seeds", 500, "how many random scenarios to run")

const randomInterval = 2 * time.Millisecond // between packets

// disagreed are seeds for which memory once differed from the kernel: in where a rule stands whose
// members were listed in another order, and in a connection picked up from either side. The next were
// misexplained with models: another rule had admitted a flow again.
var (
	disagreed    = []uint64{195, 441, 275}
	misexplained = []uint64{198}
)

// Whatever happens, no sentence contradicts the evidence, and memory shows the same. A lab mostly
// waits, so sixteen run side by side.
func TestRandomScenarios(t *testing.T) {
	nstest.Kernel(t)
	const jobs, inOneLab = 16, 20
	var workers sync.WaitGroup
	next := make(chan *scenario.Scenario)
	for range jobs {
		workers.Go(func() {
			for sc := range next {
				t.Run(sc.Name, func(t *testing.T) {
					if !staysWrong(t, sc) {
						return
					}
					if run(t, sc, randomInterval); t.Failed() {
						save(t, sc)
					}
				})
			}
		})
	}
	for left := *seeds; left > 0; left -= inOneLab {
		next <- newImprovisation(uint64(left), true).series(min(left, inOneLab))
	}
	for _, seed := range disagreed {
		next <- newImprovisation(seed, false).scenario()
	}
	for _, seed := range misexplained {
		next <- newImprovisation(seed, true).scenario()
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
	groups  []string    // that hosts may have
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
	m.sc.Account.Groups = m.newGroups("red", "green", "blue")
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

// newGroups makes up groups with these ids, which hosts have from now on.
func (m *improvisation) newGroups(ids ...string) (groups []*sg.Group) {
	m.groups = ids
	for _, id := range ids {
		groups = append(groups, &sg.Group{ID: id})
	}
	for _, g := range groups {
		for range 1 + m.IntN(3) {
			g.Ingress = append(g.Ingress, m.rule())
		}
		if m.IntN(4) > 0 {
			g.Egress = []sg.Rule{{ID: m.name("out"), Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}
		}
	}
	return groups
}

var ports = []int{22, 8080}

// host returns the address of a host.
func (m *improvisation) host(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 255, 1, byte(10 + i)}), 32)
}

func (m *improvisation) name(what string) string {
	m.names++
	return fmt.Sprint(what, "-", m.names)
}

func (m *improvisation) someGroups() (some []string) {
	for _, g := range m.groups {
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
		r.Reference = sg.Reference{GroupID: m.groups[m.IntN(len(m.groups))]}
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

// scenario makes up a scenario of six experiments.
func (m *improvisation) scenario() *scenario.Scenario {
	m.improvise(6)
	return m.sc
}

// series makes up scenarios of three experiments each, which run one after the other in one lab: to
// build it takes more time than they do. They have only the hosts, their models and the prefix list in
// common: each has groups of its own, and begins without streams, entries and network ACLs.
func (m *improvisation) series(n int) *scenario.Scenario {
	const each = 3 // experiments
	m.improvise(each)
	for i := range n - 1 {
		fresh := m.newGroups(fmt.Sprint("red-", i+2), fmt.Sprint("green-", i+2), fmt.Sprint("blue-", i+2))
		m.sc.Account.Groups = append(m.sc.Account.Groups, fresh...)
		m.account.Groups = append(m.account.Groups, (&sg.Account{Groups: fresh}).Clone().Groups...)
		begins := len(m.sc.Experiments)
		again := m.cleared()
		m.improvise(each)
		first := &m.sc.Experiments[begins]
		first.Do = append(again, first.Do...)
	}
	return m.sc
}

// cleared returns what leads back to hosts without streams, entries and network ACLs, with other groups.
func (m *improvisation) cleared() (do []scenario.Action) {
	for _, stream := range m.running {
		do = append(do, scenario.Stop{Stream: stream})
	}
	m.running = nil
	for _, h := range m.sc.Hosts {
		changes := []sg.Change{sg.Attach{Interface: h.Name, Groups: m.someGroups()}}
		if at, _ := m.account.Interface(h.Name); at.ACL != nil {
			changes = append(changes, sg.SetACL{Interface: h.Name})
		}
		for _, c := range changes {
			to, err := m.account.Apply(c)
			if err != nil {
				panic(err) // these are possible at any time
			}
			m.account = to
			do = append(do, scenario.Change{Change: c})
		}
	}
	return append(do, scenario.Cut{All: true})
}

// improvise makes up experiments.
func (m *improvisation) improvise(n int) {
	for i := range n {
		x := scenario.Experiment{Title: fmt.Sprint(i + 1), For: 1 + m.IntN(4)}
		for range 1 + m.IntN(3) {
			x.Do = append(x.Do, m.action())
		}
		if i == 0 || len(m.running) == 0 {
			x.Do = append(x.Do, m.start())
		}
		m.sc.Experiments = append(m.sc.Experiments, x)
	}
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
	g := m.account.Group(m.groups[m.IntN(len(m.groups))])
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
