package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/enforce"
	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/play"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

func TestMain(m *testing.M) { nstest.Main(m) }

// figures returns a report's figures in short form.
func figures(r *report.Report) string {
	var parts []string
	for _, s := range r.Streams {
		first := 0
		if s.FirstReply != nil {
			first = *s.FirstReply
		}
		parts = append(parts, fmt.Sprintf("%s: %d/%d from %d", s.Name, s.Received, s.Sent, first))
	}
	for _, x := range r.Experiments {
		parts = append(parts, fmt.Sprintf("%d: %v", x.Number, x.Held))
	}
	return strings.Join(parts, ", ")
}

const original = "1: 65/65 from 1, 2: 27/46 from 20, 1: true, 2: true, 3: true, 4: true"

func run(t *testing.T, sc *scenario.Scenario, interval time.Duration) *report.Report {
	t.Helper()
	nstest.Kernel(t)
	log := timeline.NewLog()
	if err := Run(t.Context(), sc, Options{Interval: interval}, log); err != nil {
		t.Fatal(err)
	}
	if err := timeline.Check(log.Events()); err != nil {
		t.Error(err)
	}
	return report.Of(log.Events())
}

// The figures of the original experiment are the same at any pace, however busy the machine is, and
// no evidence is lost.
func TestFourExperimentsExactly(t *testing.T) {
	nstest.Busy(t, 2)
	for _, pace := range []struct {
		interval time.Duration
		times    int
	}{{10 * time.Millisecond, 2}, {2 * time.Millisecond, 5}, {time.Millisecond, 8}} {
		for range pace.times {
			t.Run(pace.interval.String(), func(t *testing.T) {
				t.Parallel()
				r := run(t, scenario.FourExperiments(), pace.interval)
				if got := figures(r); got != original || !r.Held {
					t.Errorf("held %v, figures %s", r.Held, got)
				}
				if r.Missed != (report.Missed{}) {
					t.Errorf("missed %+v", r.Missed)
				}
			})
		}
	}
}

func build(t *testing.T, sc *scenario.Scenario) (*Lab, *timeline.Log) {
	t.Helper()
	return buildAt(t, sc, 2*time.Millisecond)
}

func buildAt(t *testing.T, sc *scenario.Scenario, interval time.Duration) (*Lab, *timeline.Log) {
	t.Helper()
	nstest.Kernel(t)
	log := timeline.NewLog()
	l, err := Build(t.Context(), sc, Options{Interval: interval}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return l, log
}

// playOn runs the four experiments in a lab that has been built for them.
func playOn(t *testing.T, l *Lab) error {
	t.Helper()
	return play.Play(t.Context(), playSession{l}, scenario.FourExperiments(), l.log)
}

// Another program deletes the conntrack entries during experiment 2. The report follows the kernel,
// whatever was predicted.
func TestTruth(t *testing.T) {
	t.Parallel()
	nstest.Tool(t, "conntrack")
	// Slow enough for conntrack(8) to finish before the experiment does.
	l, log := buildAt(t, scenario.FourExperiments(), 100*time.Millisecond)
	ended := make(chan error, 1)
	go func() { ended <- playOn(t, l) }()
	for e := range log.Subscribe(t.Context()) {
		if r, ok := e.Body.(timeline.Replied); ok && r.Seq == 13 {
			break
		}
	}
	for _, h := range l.hosts {
		nstest.Output(t, h.ns, "conntrack", "-F")
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	r := report.Of(log.Events())
	if r.Held || r.Experiment(2).Held {
		t.Error("it held although the entries were deleted")
	}
	one := r.Stream("1")
	if one.Sent != 65 || one.Refused == 0 || one.Received+one.Refused != 65 {
		t.Errorf("stream 1: %d sent, %d received, %d refused", one.Sent, one.Received, one.Refused)
	}
	why := say.List(" ", r.Why[0].Sentences...).String()
	if !strings.Contains(why, "NEW again: A's conntrack entry had been deleted in experiment 2") {
		t.Errorf("the reason is missing: %s", why)
	}
	if r.Missed != (report.Missed{}) {
		t.Errorf("missed %+v", r.Missed)
	}
}

// nft(8), conntrack(8) and ip(8) see in the lab what our own listings show.
func TestOraclesAgree(t *testing.T) {
	t.Parallel()
	l, log := build(t, scenario.FourExperiments())
	if err := playOn(t, l); err != nil {
		t.Fatal(err)
	}
	r := report.Of(log.Events())
	for _, h := range l.hosts {
		ruleset := nstest.Output(t, h.ns, "nft", "list", "table", "inet", enforce.GroupTable)
		for _, c := range r.Counters {
			if c.Host != h.Name || c.Revoked {
				continue
			}
			if want := fmt.Sprintf("counter packets %d bytes %d", c.Packets, c.Bytes); !strings.Contains(ruleset, want) {
				t.Errorf("%s: nft(8) does not say %q of %s:\n%s", h.Name, want, c.Rule, ruleset)
			}
		}
		if strings.Contains(ruleset, "trace") {
			t.Errorf("%s: the group's table says more than the group:\n%s", h.Name, ruleset)
		}
		entries := nstest.Output(t, h.ns, "conntrack", "-L", "-o", "id")
		listed := strings.Count(entries, "\n") - 1 // the last line is a summary
		seen := 0
		for _, f := range r.Flows {
			if f.Host != h.Name || f.Experiment != 4 {
				continue
			}
			seen++
			for _, word := range []string{fmt.Sprintf("id=%d", f.ConntrackID), fmt.Sprintf("mark=%d", f.AdmittingNumber), fmt.Sprintf("packets=%d", f.Packets)} {
				if !strings.Contains(entries, word) {
					t.Errorf("%s: conntrack(8) does not say %q:\n%s", h.Name, word, entries)
				}
			}
		}
		if seen != listed {
			t.Errorf("%s: %d entries seen, conntrack(8) lists %d:\n%s", h.Name, seen, listed, entries)
		}
		addresses := nstest.Output(t, h.ns, "ip", "-o", "-4", "addr", "show", "dev", "eth0")
		if !strings.Contains(addresses, h.Address.String()) {
			t.Errorf("%s: ip(8) does not know %s:\n%s", h.Name, h.Address, addresses)
		}
		if neighbours := nstest.Output(t, h.ns, "ip", "neigh"); !strings.Contains(neighbours, "PERMANENT") {
			t.Errorf("%s: neighbours are not permanent:\n%s", h.Name, neighbours)
		}
	}
}

// ping(8) sends through the same rules, with the same results.
func TestPingIsTreatedAlike(t *testing.T) {
	t.Parallel()
	l, _ := build(t, scenario.FourExperiments())
	b, target := l.hosts[1], l.hosts[0].Address.Addr().String()
	if out := nstest.Output(t, b.ns, "ping", "-c2", "-i0.01", target); !strings.Contains(out, " 0% packet loss") {
		t.Errorf("with the rule:\n%s", out)
	}
	apply(t, l, revoke("lab", "icmp"))
	out := nstest.Said(t, b.ns, "ping", "-c2", "-i0.01", "-W1", target)
	if !strings.Contains(out, "100% packet loss") {
		t.Errorf("without the rule:\n%s", out)
	}
}

// The first packet of a lab must not be lost, although the links have only just come up.
func TestFirstPacketArrives(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	sc := scenario.FourExperiments()
	sc.Experiments = sc.Experiments[:1]
	sc.Experiments[0].For = 1
	for range 60 {
		if r := run(t, sc, time.Millisecond); !r.Held {
			t.Fatalf("the first packet was lost: %s", figures(r))
		}
	}
}

func TestNumbersAreNeverUsedAgain(t *testing.T) {
	l, log := build(t, scenario.FourExperiments())
	seen := []uint32{}
	for range 5 {
		rule, d, _ := l.policy.Account.Groups[0].Find("icmp")
		apply(t, l, revoke("lab", "icmp"), authorize("lab", d, rule))
	}
	for _, e := range log.Events() {
		if a, ok := e.Body.(timeline.RuleAuthorized); ok {
			if slices.Contains(seen, a.Number) || a.Number == 0 {
				t.Errorf("number %d again, after %v", a.Number, seen)
			}
			seen = append(seen, a.Number)
		}
	}
	if len(seen) != 3+5 {
		t.Errorf("numbers %v", seen)
	}
}

func TestChangesThatCannotBe(t *testing.T) {
	l, _ := build(t, scenario.FourExperiments())
	rule, d, _ := l.policy.Account.Groups[0].Find("icmp")
	for name, changes := range map[string]sg.Changes{
		"duplicate":                     {authorize("lab", d, rule)},
		"unknown rule":                  {revoke("lab", "telnet")},
		"unknown group":                 {revoke("other", "icmp")},
		"unknown host":                  {sg.SetACL{Interface: "C", ACL: &sg.ACL{}}},
		"one that can and one that not": {revoke("lab", "icmp"), revoke("lab", "telnet")},
	} {
		before := nstest.Output(t, l.hosts[0].ns, "nft", "list", "ruleset")
		if _, err := l.Apply(t.Context(), changes...); err == nil {
			t.Errorf("%s: no error", name)
		}
		if diff := cmp.Diff(before, nstest.Output(t, l.hosts[0].ns, "nft", "list", "ruleset")); diff != "" {
			t.Errorf("%s changed the rules:\n%s", name, diff)
		}
	}
}

// If the kernel of one host rejects a change, the others take it back, and nothing is recorded.
func TestAllHostsOrNone(t *testing.T) {
	l, log := build(t, scenario.FourExperiments())
	sorted := func() []string {
		lines := strings.Split(nstest.Output(t, l.hosts[0].ns, "nft", "list", "ruleset"), "\n")
		slices.Sort(lines)
		return lines
	}
	before, policy, events := sorted(), l.Policy(), log.Last()
	nstest.Output(t, l.hosts[1].ns, "nft", "delete", "table", "inet", enforce.GroupTable)
	if _, err := l.Apply(t.Context(), revoke("lab", "icmp"), sg.SetACL{Interface: "A", ACL: &sg.ACL{}}); err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff(before, sorted()); diff != "" {
		t.Errorf("A has other rules now:\n%s", diff)
	}
	if l.Policy().Account != policy.Account || log.Last() != events {
		t.Errorf("the account or the timeline has changed: %+v", log.Events()[events:])
	}
}

// Without an outbound rule the sender's own firewall drops every packet, from the first on. That
// counts as dropped, and is proved.
func TestNothingGetsOut(t *testing.T) {
	t.Parallel()
	sc := scenario.FourExperiments()
	sc.Account.Groups[0].Egress = nil
	sc.Experiments = []scenario.Experiment{
		{Title: "nothing gets out", Do: []scenario.Action{scenario.Start{Stream: "1", Protocol: packet.ICMP, From: "B", To: "A"}}, For: 5,
			Expect: []scenario.Expectation{{Stream: "1", Outcome: scenario.Refused}}},
		{Title: "now it does", Do: []scenario.Action{scenario.Change{Change: sg.Authorize{Group: "lab", Direction: packet.Egress,
			Rules: []sg.Rule{{ID: "out", Protocol: packet.All, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("0.0.0.0/0")}}}}}, For: 4,
			Expect: []scenario.Expectation{{Stream: "1", Outcome: scenario.Replied}}},
	}
	r := run(t, sc, 2*time.Millisecond)
	one := r.Stream("1")
	if !r.Held || one.LocallyDropped != 5 || one.Received != 4 || r.Missed != (report.Missed{}) {
		t.Errorf("held %v, %d dropped locally, %d received, missed %+v", r.Held, one.LocallyDropped, one.Received, r.Missed)
	}
	if first := one.Verdicts[0]; first.Host != "B" || first.Verdict != "drop" || first.First != 1 || first.Last != 5 {
		t.Errorf("first verdicts %+v, want B to drop 1 to 5", first)
	}
}

// A filter that does not filter is detected before any other result is trusted.
func TestCanaryFindsOpenFilter(t *testing.T) {
	t.Parallel()
	l, _ := build(t, scenario.FourExperiments())
	nstest.Output(t, l.hosts[0].ns, "nft", "insert", "rule", "inet", enforce.GroupTable, "ingress", "accept")
	var notProved *NotProved
	if err := playOn(t, l); !errors.As(err, &notProved) {
		t.Errorf("got %v, want NotProved", err)
	}
}

// A run can be interrupted at any moment; it ends soon, and keeps what was seen.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	cause := errors.New("enough")
	for _, after := range []time.Duration{0, time.Millisecond, 4 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond} {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(after, func() { cancel(cause) })
		log := timeline.NewLog()
		err := Run(ctx, scenario.FourExperiments(), Options{Interval: 5 * time.Millisecond}, log)
		timer.Stop()
		cancel(nil)
		if err == nil {
			t.Errorf("after %s: no error", after)
		}
		events := log.Events()
		if !slices.ContainsFunc(events, func(e timeline.Event) bool { return e.Body == timeline.Body(timeline.Interrupted{By: "enough"}) }) {
			t.Errorf("after %s: not recorded as interrupted", after)
		}
		if r := report.Of(events); r.Held || !r.Interrupted {
			t.Errorf("after %s: held %v, interrupted %v", after, r.Held, r.Interrupted)
		}
	}
}

// The machine does not change: neither while a lab exists nor after it is gone.
func TestHostIsNotTouched(t *testing.T) {
	nstest.Kernel(t)
	before := nstest.Fingerprint(t)
	l, _ := build(t, scenario.FourExperiments())
	if diff := cmp.Diff(before, nstest.Fingerprint(t)); diff != "" {
		t.Errorf("while the lab lives:\n%s", diff)
	}
	if err := playOn(t, l); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, nstest.Fingerprint(t)); diff != "" {
		t.Errorf("when the lab is gone:\n%s", diff)
	}
}

// A machine that drops everything, and has tables, links, addresses and settings of the same names,
// does not affect a lab, and the lab does not affect it.
func TestHostileHost(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	lablab := nstest.Lablab(t)
	host := nstest.Hostile(t)
	var before, after string
	look := func(fingerprint *string) {
		if err := host.Do(func() error { *fingerprint = nstest.Fingerprint(t); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	look(&before)
	err := host.Do(func() error { // a process starts in the namespace of the thread that starts it
		out, err := exec.Command(lablab, "run", "--interval", "2ms", "--quiet", "--rootless", "never").CombinedOutput()
		if err != nil {
			t.Errorf("lablab run: %v\n%s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	look(&after)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the host has changed:\n%s", diff)
	}
	if !strings.Contains(before, "security_group") || !strings.Contains(before, "10.255.1.197") {
		t.Errorf("the fingerprint does not show the host:\n%s", before)
	}
}

// Labs that run side by side do not see each other.
func TestLabsSideBySide(t *testing.T) {
	nstest.Kernel(t)
	const labs = 12
	results := make(chan string, labs)
	for range labs {
		go func() {
			log := timeline.NewLog()
			if err := Run(t.Context(), scenario.FourExperiments(), Options{Interval: 2 * time.Millisecond}, log); err != nil {
				results <- err.Error()
				return
			}
			results <- figures(report.Of(log.Events()))
		}()
	}
	for range labs {
		if got := <-results; got != original {
			t.Errorf("figures %s", got)
		}
	}
}

// All packages use the same words for verdicts that do not come from a rule.
func TestWordsAgree(t *testing.T) {
	if string(scenario.Replied) != string(report.Replied) || string(scenario.Refused) != string(report.Refused) {
		t.Error("scenario and report name outcomes differently")
	}
}
