// Package modeltest compares enforcement models with what was measured of them by hand.
package modeltest

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lablab/enforce"
	"lablab/packet"
	"lablab/play"
	"lablab/report"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// A row is what was measured under a model, as docs/models.md has it.
type row struct {
	model string
	cells []string
}

// variants are rows of models that have no setting for it, and so cannot be run.
var variants = []string{
	"the same, rules with `ct state new`",
	"request (tombstone), deleted at each change, as Neutron with Open vSwitch",
	"keep, as the EKS agent", // which caches verdicts for each pair of addresses
}

// measured reads the table. Its last column is left out: a rule that denies cannot be put in front,
// since groups only allow.
func measured(t *testing.T, file string) (rows []row) {
	t.Helper()
	text, err := os.ReadFile(file)
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

// Compare runs what was measured under each model on the target, and fails the test where a cell
// differs from the table in the file. The models run side by side, since a kernel mostly waits.
func Compare(t *testing.T, file string, target play.Target) {
	rows := measured(t, file)
	if want := 14; len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	var players sync.WaitGroup
	for _, r := range rows {
		players.Go(func() { t.Run(r.model, func(t *testing.T) { r.compare(t, target) }) })
	}
	players.Wait()
}

func (r row) compare(t *testing.T, target play.Target) {
	m, err := enforce.Parse(r.model)
	if err != nil {
		t.Fatal(err)
	}
	p := player{t, target, m.Model}
	got := append(p.revoked(), p.withoutEgress(), p.narrowed())
	if !slices.Equal(got, r.cells) {
		t.Errorf("played:   %s\nmeasured: %s", strings.Join(got, " | "), strings.Join(r.cells, " | "))
	}
}

// A player runs scenarios with two hosts: A with the rules and the model, and B, which is open.
type player struct {
	*testing.T
	play.Target
	model enforce.Model
}

// served are the rules that let B reach the services of A.
func served(prefix, source string) []sg.Rule {
	const echoRequest = 8
	peer := netip.MustParsePrefix(source)
	return []sg.Rule{
		{ID: prefix + "icmp", Protocol: packet.ICMP, From: echoRequest, To: 0, Peer: peer},
		{ID: prefix + "tcp", Protocol: packet.TCP, From: 7, To: 7, Peer: peer},
		{ID: prefix + "udp", Protocol: packet.UDP, From: 7, To: 7, Peer: peer},
	}
}

// A step is an experiment: what to do, and how many packets each stream sends then.
type step struct {
	packets int
	actions []scenario.Action
}

func do(packets int, actions ...scenario.Action) step { return step{packets, actions} }

// play returns what is recorded of the steps.
func (p player) play(steps ...step) []timeline.Event {
	p.Helper()
	everything := sg.Rule{Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}
	in, out := everything, everything
	in.ID, out.ID = "in", "out"
	guarded := &sg.Group{ID: "guarded", Ingress: served("", "10.255.0.0/16"), Egress: []sg.Rule{out}}
	if p.model.Traits().Name == "stateless" { // what A's own ping needs
		guarded.Ingress = append(guarded.Ingress, sg.Rule{ID: "echoes", Protocol: packet.ICMP, From: 0, To: 0, Peer: netip.MustParsePrefix("10.255.1.10/32")})
	}
	keep, _ := enforce.Parse("keep")
	sc := &scenario.Scenario{
		Name: "models", Timeouts: sg.Nitro(),
		Hosts: []scenario.Host{
			{Name: "A", Address: netip.MustParsePrefix("10.255.1.197/16"), Groups: []string{"guarded"}, Model: p.model},
			{Name: "B", Address: netip.MustParsePrefix("10.255.1.10/16"), Groups: []string{"open"}, Model: keep.Model},
		},
		Account: &sg.Account{Groups: []*sg.Group{guarded, {ID: "open", Ingress: []sg.Rule{in}, Egress: []sg.Rule{out}}}},
	}
	for i, s := range steps {
		sc.Experiments = append(sc.Experiments, scenario.Experiment{Title: fmt.Sprint(i + 1), Do: s.actions, For: s.packets})
	}
	log := timeline.NewLog()
	if err := play.Run(p.Context(), p.Target, sc, log); err != nil {
		p.Fatal(err)
	}
	return log.Events()
}

// results returns the outcome of each stream in each step.
func (p player) results(steps ...step) func(stream string, step int) report.StreamResult {
	p.Helper()
	r := report.Of(p.play(steps...))
	return func(stream string, step int) report.StreamResult {
		for _, s := range r.Experiments[step-1].Streams {
			if s.Stream == stream {
				return s
			}
		}
		p.Fatalf("step %d has no stream %s", step, stream)
		return report.StreamResult{}
	}
}

// start starts a stream from B to a service of A.
func start(name string, p packet.Protocol, push bool) scenario.Action {
	a := scenario.Start{Stream: name, From: "B", To: "A", Protocol: p, Push: push}
	if p != packet.ICMP {
		a.Port = 7
	}
	return a
}

func revoke(ids ...string) scenario.Action {
	return scenario.Change{Change: sg.Revoke{Group: "guarded", IDs: ids}}
}

func authorize(rules ...sg.Rule) scenario.Action {
	return scenario.Change{Change: sg.Authorize{Group: "guarded", Direction: packet.Ingress, Rules: rules}}
}

// quiet is time in which delayed acknowledgements (40 ms) arrive. A segment that is not acknowledged
// when its entry is deleted is sent again, which brings the connection back.
var quiet = scenario.Wait{For: 200 * time.Millisecond}

// goesOn returns whether all messages of a step were answered.
func goesOn(r report.StreamResult) string {
	return map[bool]string{true: "ok", false: "–"}[r.Sent > 0 && r.Received == r.Sent]
}

// revoked revokes the rules for what B uses, has B begin more, and restores the rules. It returns the
// answers to ten packets of a ping in each of the four steps, and to UDP in the second and the fourth;
// whether a TCP connection goes on in the last three; and whether datagrams and a download that A alone
// sends go on without the rules, the download also with them.
func (p player) revoked() []string {
	p.Helper()
	const n = 10
	at := p.results(
		do(n, start("ping", packet.ICMP, false), start("udp", packet.UDP, false), start("tcp", packet.TCP, false), start("push", packet.UDP, true)),
		do(n, quiet, revoke("icmp", "tcp", "udp")),
		do(n, start("ping2", packet.ICMP, false), start("udp2", packet.UDP, false), start("tcp2", packet.TCP, false)),
		do(n, authorize(served("", "10.255.0.0/16")...)),
	)
	for _, stream := range []string{"ping", "udp", "tcp", "push"} {
		if at(stream, 1).Received != n {
			p.Errorf("the rules allow stream %s, and it is not answered", stream)
		}
	}
	for _, stream := range []string{"ping2", "udp2", "tcp2"} {
		if at(stream, 3).Received != 0 {
			p.Errorf("stream %s is new, and answered without a rule", stream)
		}
		if at(stream, 4).Received != n {
			p.Errorf("stream %s is not answered with its rule restored", stream)
		}
	}
	const while = 1200 * time.Millisecond // until TCP has sent again, or has nothing more to send
	later := p.results(
		do(n, start("download", packet.TCP, true)),
		do(n, quiet, revoke("icmp", "tcp", "udp")),
		do(n, scenario.Wait{For: while}),
		do(n, authorize(served("", "10.255.0.0/16")...)),
		do(n, scenario.Wait{For: while}),
	)
	received := func(stream string, steps ...int) string {
		var list []string
		for _, step := range steps {
			list = append(list, fmt.Sprint(at(stream, step).Received))
		}
		return strings.Join(list, " ")
	}
	return []string{
		received("ping", 1, 2, 3, 4), received("udp", 2, 4),
		goesOn(at("tcp", 2)) + " " + goesOn(at("tcp", 3)) + " " + goesOn(at("tcp", 4)),
		goesOn(at("push", 2)), goesOn(later("download", 3)) + " " + goesOn(later("download", 5)),
	}
}

// withoutEgress revokes A's outbound rule, and returns the answers to ten packets of A's own ping. It
// adds whether a connection of B's stalls.
func (p player) withoutEgress() string {
	p.Helper()
	out := scenario.Start{Stream: "out", From: "A", To: "B", Protocol: packet.ICMP}
	at := p.results(do(10, start("tcp", packet.TCP, false), out), do(10, quiet, revoke("out")))
	if n := at("out", 2).Received; goesOn(at("tcp", 2)) == "ok" {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d stalls", at("out", 2).Received)
}

// narrowed replaces A's rules by some for B alone, and returns whether B's connection goes on.
func (p player) narrowed() string {
	p.Helper()
	at := p.results(
		do(10, start("tcp", packet.TCP, false), start("ping", packet.ICMP, false)),
		do(10, revoke("icmp", "tcp", "udp"), authorize(served("again-", "10.255.1.10/32")...)),
	)
	if at("ping", 2).Received != 10 {
		p.Error("the ping does not go on under the narrower rule")
	}
	return goesOn(at("tcp", 2))
}
