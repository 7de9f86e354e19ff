package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"lablab/enforce"
	"lablab/flow"
	"lablab/internal/nstest"
	"lablab/internal/recordtest"
	"lablab/packet"
	"lablab/play"
	"lablab/render"
	"lablab/report"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
	"lablab/sim"
	"lablab/timeline"
)

// Runs browser/*.test.mjs against the page in a real browser, each as a subtest. They need node,
// Chromium, and `npm ci` in browser/. With LABLAB_BROWSER=require the test fails if one is missing;
// with skip it does not run. Screenshots go to the directory LABLAB_SHOTS, if that is set.
func TestInBrowser(t *testing.T) {
	chromium := nstest.Browser(t, "browser")
	pages := t.TempDir()
	writePages(t, pages)
	tests, err := filepath.Glob("browser/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests for the browser: %v", err)
	}
	for _, name := range tests {
		test := strings.TrimSuffix(filepath.Base(name), ".test.mjs")
		t.Run(test, func(t *testing.T) {
			if test != "large" { // it measures, so it runs alone
				t.Parallel() // most of the time goes into waiting for the animation
			}
			c := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "--test-timeout=400000", name)
			c.Env = append(os.Environ(), "LABLAB_PAGES="+pages, "LABLAB_CHROMIUM="+chromium)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// writePages writes what the browser tests read: pages, and the reports of the same record.
func writePages(t *testing.T, dir string) {
	t.Helper()
	events := recordtest.Read(t, "ping")
	var text, data bytes.Buffer
	r := report.Of(events)
	if err := (render.Runs{Results: []render.Result{{Report: r}}}).Write(&text, "text"); err != nil {
		t.Fatal(err)
	}
	if err := render.JSON(&data, r); err != nil {
		t.Fatal(err)
	}
	japanese := pageOf(events)
	japanese.Lang = "ja"
	japaneseSession := pageOf(session())
	japaneseSession.Lang = "ja"
	for _, name := range scenario.Builtins() {
		sc, _ := scenario.Builtin(name)
		log := timeline.NewLog()
		if err := play.Run(t.Context(), sim.Target{Interval: 100 * time.Millisecond}, sc, log); err != nil {
			t.Fatal(err)
		}
		write(t, dir, "course-"+name+".html", written(t, pageOf(log.Events())))
	}
	for name, content := range map[string]string{
		"ping.html":           written(t, Page{Events: events, Report: r, Next: Next{"next", "Does it end?"}}),
		"ping.ja.html":        written(t, japanese),
		"ping.txt":            text.String(),
		"ping.json":           data.String(),
		"ping.report.json":    reportOn(t, events),
		"ping.narration.json": narration(t, events),
		"hostile.html":        written(t, pageOf(hostile(t))),
		"large.html":          written(t, pageOf(large(100_000))),
		"crowd.html":          written(t, pageOf(crowd(16))),
		"session.html":        written(t, pageOf(session())),
		"session.ja.html":     written(t, japaneseSession),
		"byhand.html":         written(t, pageOf(byHand())),
		"cut-short.html":      written(t, pageOf(events[:len(events)/2])),
		"interrupted.html":    written(t, pageOf(recordtest.Read(t, "interrupted"))),
		"broken.html":         written(t, pageOf(broken(events))),
		"failed.html":         written(t, pageOf(failed(events))),
		"fed.html":            fed(t),
		"ping.jsonl":          lines(t, events),
		"compared.html":       sideBySide(t),
		"tombstone.html":      written(t, pageOf(simulated(t, "tombstone", ""))),
		"syn.html":            written(t, pageOf(simulated(t, "ping", "syn"))),
		"nat.html":            written(t, pageOf(recordtest.Read(t, "nat"))),
		"nat.jsonl":           lines(t, recordtest.Read(t, "nat")),
	} {
		write(t, dir, name, content)
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// simulated returns what happens in a scenario of the course in memory, under another model if one is
// named.
func simulated(t *testing.T, name, model string) []timeline.Event {
	t.Helper()
	sc, _ := scenario.Builtin(name)
	if model != "" {
		m, err := enforce.Parse(model)
		if err != nil {
			t.Fatal(err)
		}
		if sc, err = sc.Under(m); err != nil {
			t.Fatal(err)
		}
	}
	log := timeline.NewLog()
	if err := play.Run(t.Context(), sim.Target{Interval: time.Millisecond}, sc, log); err != nil {
		t.Fatal(err)
	}
	return log.Events()
}

// sideBySide returns the page of a comparison: the four experiments under some models, in memory.
func sideBySide(t *testing.T) string {
	t.Helper()
	sc, _ := scenario.Builtin("ping")
	var models []enforce.Choice
	for _, name := range []string{"aws", "cut", "ovn"} {
		m, err := enforce.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	var p ComparisonPage
	var under []render.Under
	for _, run := range play.Compare(t.Context(), sc, models, 1, func(*scenario.Scenario) play.Target { return sim.Target{Interval: time.Millisecond} }) {
		r := report.Of(run.Events)
		p.Films = append(p.Films, Page{Events: run.Events, Report: r.WithoutPredictions()})
		under = append(under, render.UnderOf(enforce.Notation(run.Model.Model), run.Model.Product, r, run.Err))
	}
	under = append(under, render.UnderOf("tied", "", nil, errors.New("it forwards")))
	p.Comparison = render.Compare(under, nil)
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// reportOn returns the report on a timeline as a page gets it.
func reportOn(t *testing.T, events []timeline.Event) string {
	t.Helper()
	in, err := render.In(report.Of(events), say.Languages()...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// narration returns what is said about a timeline.
func narration(t *testing.T, events []timeline.Event) string {
	t.Helper()
	in, err := render.NewInterpreter()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(in.Narrate(events))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func lines(t *testing.T, events []timeline.Event) string {
	t.Helper()
	var b bytes.Buffer
	for _, e := range events {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// fed returns a live page that the test feeds with events.
func fed(t *testing.T) string {
	t.Helper()
	overlay := fstest.MapFS{"page/fed.js": {Data: []byte("import { start } from './main.js';\nimport { Film } from './film.js';\nimport { Follower } from './follow.js';\nimport { Model } from './model.js';\nglobalThis.fed = start({ live: true });\nObject.assign(globalThis, { Film, Follower, Model });\n")}}
	names, err := filepath.Glob("page/*.*s")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		overlay[name] = &fstest.MapFile{Data: b}
	}
	var b bytes.Buffer
	s, err := newShell(overlay, "en", "'none'", "fed.js", "style.css")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// broken returns a run that ended with an error.
func broken(events []timeline.Event) []timeline.Event {
	events = slices.Clone(events)
	last := &events[len(events)-1]
	last.Body = timeline.Ended{Failed: "no more memory"}
	return events
}

// failed returns a run of which the second experiment was predicted wrongly.
func failed(events []timeline.Event) []timeline.Event {
	events = slices.Clone(events)
	begun := events[0].Body.(timeline.Begun)
	begun.Plan = slices.Clone(begun.Plan)
	begun.Plan[1].Predicted = []timeline.Prediction{{Stream: "1", Outcome: string(report.Refused)}}
	events[0].Body = begun
	return events
}

// A maker builds a made-up timeline.
type maker struct{ log *timeline.Log }

func (m *maker) add(body timeline.Body) { m.log.Append(body) }

// ping adds a request and its reply, as established; every so often the request is dropped.
func (m *maker) ping(stream, from, to string, seq int) {
	verdict := func(host string, d packet.Direction, reply bool) timeline.Judged {
		j := timeline.Judged{Host: host, Direction: d, Stream: stream, Seq: seq, Reply: reply, State: "established", Accepted: true, By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}}
		j.Packet = echo(addressOf(from), addressOf(to), 1, seq, false)
		if reply {
			j.Packet = echo(addressOf(to), addressOf(from), 1, seq, true)
		}
		return j
	}
	m.add(timeline.Sent{Stream: stream, Seq: seq})
	if seq%100 > 80 {
		dropped := verdict(to, packet.Ingress, false)
		dropped.State, dropped.Accepted, dropped.By = "new", false, packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}
		m.add(verdict(from, packet.Egress, false))
		m.add(dropped)
		return
	}
	m.add(timeline.Replied{Stream: stream, Seq: seq, RTT: time.Millisecond})
	for _, j := range []timeline.Judged{verdict(from, packet.Egress, false), verdict(to, packet.Ingress, false), verdict(to, packet.Egress, true), verdict(from, packet.Ingress, true)} {
		m.add(j)
	}
}

// begin adds hosts, a rule and an experiment.
func (m *maker) begin(hosts int) {
	begun := timeline.Begun{Scenario: "made-up", Title: "A run that was made up", Interval: time.Millisecond, Plan: []timeline.Plan{{Number: 1, Title: "all of it", Do: []string{"ping"}}}}
	var names []string
	for i := range hosts {
		name := fmt.Sprintf("h%d", i+1)
		names = append(names, name)
		begun.Hosts = append(begun.Hosts, timeline.Host{Name: name, Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 16), Groups: []string{"lab"}})
	}
	m.add(begun)
	m.add(timeline.RuleAuthorized{Rule: timeline.Rule{Number: 1, Group: "lab", Direction: packet.Ingress, Hosts: names, Rule: icmpRule()}})
	m.add(timeline.Ready{})
	m.add(timeline.ExperimentBegun{Number: 1})
}

// stream starts a ping between two hosts, and adds the entry on both.
func (m *maker) stream(name string, from, to int) {
	s := timeline.StreamStarted{Stream: name, Protocol: packet.ICMP, From: fmt.Sprintf("h%d", from), To: fmt.Sprintf("h%d", to), ICMPID: uint16(from),
		Source: netip.AddrFrom4([4]byte{10, 0, 0, byte(from)}), Target: netip.AddrFrom4([4]byte{10, 0, 0, byte(to)})}
	m.add(s)
	for i, host := range []string{s.From, s.To} {
		key := packet.Key{Protocol: packet.ICMP, Source: s.Source, Destination: s.Target, ICMPID: s.ICMPID, ICMPType: 8}
		m.add(timeline.EntryChanged{Host: host, Change: flow.New, Entry: flow.Entry{ID: uint32(2*from + i), Orig: key, Status: []string{"SEEN_REPLY"}, Timeout: 30 * time.Second, Mark: 1}})
	}
}

// large returns a timeline of at least n events.
func large(n int) []timeline.Event {
	m := &maker{log: timeline.NewLog()}
	m.begin(2)
	m.stream("1", 2, 1)
	for seq := 1; len(m.log.Events()) < n; {
		for range 1000 {
			m.ping("1", "h2", "h1", seq)
			seq++
		}
	}
	m.add(timeline.ExperimentEnded{Number: 1})
	m.add(timeline.Ended{})
	return m.log.Events()
}

// crowd returns a timeline in which all hosts ping the first.
func crowd(hosts int) []timeline.Event {
	m := &maker{log: timeline.NewLog()}
	m.begin(hosts)
	for i := 2; i <= hosts; i++ {
		m.stream(fmt.Sprintf("s%d", i), i, 1)
		for seq := range 5 {
			m.ping(fmt.Sprintf("s%d", i), fmt.Sprintf("h%d", i), "h1", seq+1)
		}
	}
	m.add(timeline.Ended{})
	return m.log.Events()
}

// addressOf returns the address of a host named "h1", "h2" and so on.
func addressOf(host string) string { return "10.0.0." + strings.TrimPrefix(host, "h") }

func icmpRule() sg.Rule {
	return sg.Rule{ID: "icmp", Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.0.0.0/16")}
}

// echo returns the header of an echo request, or of its reply.
func echo(from, to string, id, seq int, reply bool) packet.Header {
	h := packet.Header{Protocol: packet.ICMP, Source: netip.MustParseAddr(from), Destination: netip.MustParseAddr(to), ICMPType: 8, EchoID: uint16(id), EchoSeq: uint16(seq)}
	if reply {
		h.ICMPType = 0
	}
	return h
}
