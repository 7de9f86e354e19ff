package scenario

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/say"
)

var update = flag.Bool("update", false, "write what is said of the invalid files")

// Each file in testdata/invalid breaks the one rule that it is named after.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	var said strings.Builder
	for _, path := range files {
		_, err := Load(path)
		var problems *Problems
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v", path, err)
			continue
		}
		said.WriteString(strings.ReplaceAll(err.Error(), "testdata/invalid/", "") + "\n")
	}
	const golden = "testdata/invalid/errors.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(said.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), said.String()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// All problems are reported at once, in order, and each misspelling once.
func TestManyProblems(t *testing.T) {
	_, err := Read("bad.yaml", []byte(`name: bad
titel: Many problems
hosts:
  A: { adddress: 10.0.0.1/24, groups: [lab] }
  B: { address: 10.0.0.1/24 }
groups:
  lab: { ingress: [{ id: icmp, protocol: imcp, cidr: 0.0.0.0/0 }] }
experiments:
  - title: none
    do: [{ ping: A, from: C, as: p }, { revoke: icmp, group: lab }]
    for: 3
    expect: { p: replied, q: refused, A: { flow: p, admitted_by: icmp } }
`), nil)
	var places []string
	for _, p := range ProblemsOf(err)[0].List {
		line, _, _ := strings.Cut(p.String(), "\n")
		places = append(places, line)
	}
	want := []string{
		`bad.yaml:2:1: unknown key "titel": did you mean "title"?`,
		`bad.yaml:4:8: unknown key "adddress": did you mean "address"?`,
		`bad.yaml:5:17: 10.0.0.1 is already the address of host A`,
		`bad.yaml:7:42: "imcp" is not a protocol: did you mean "icmp"?`,
		`bad.yaml:10:27: unknown host C: choose from A, B`,
		`bad.yaml:12:27: no host q, and no stream of that name has been started: choose from A, B, p`,
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// Terminal control characters are shown, not obeyed, and a long line is shown around the problem.
func TestProblemText(t *testing.T) {
	p := Problem{File: "a\x1b.yaml", Place: Place{3, 5}, Text: say.As("x\u202e"), Source: "\ta\x1b\u00fc!"}
	if got, want := p.String(), "a\\u001b.yaml:3:5: x\\u202e\n     a\\u001bü!\n             ^"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p = Problem{Place: Place{1, 500}, Source: strings.Repeat("a", 499) + "b" + strings.Repeat("c", 500)}
	lines := strings.Split(p.String(), "\n")
	if at := strings.IndexRune(lines[2], '^'); []rune(lines[1])[at] != 'b' || len(lines[1]) > 200 {
		t.Errorf("the caret is elsewhere:\n%s", p)
	}
}

// Input that would take long to parse is rejected first.
func TestHostileTexts(t *testing.T) {
	for name, text := range map[string]string{
		"dashes":       many("- "),
		"braces":       many("{a: "),
		"brackets":     many("["),
		"question":     many("? "),
		"colons":       many(": "),
		"anchors":      many("&a "),
		"tags":         many("!a "),
		"documents":    many("---\n"),
		"same keys":    strings.Repeat("a: b\n", 200_000),
		"other keys":   "a: b\na1: b\n" + lots("k%: 1\n"),
		"deeper":       deeper(),
		"flow":         "a: {" + lots("k%: 1,") + "}",
		"list":         "a: [" + many("a,") + "]",
		"blocks":       "experiments:\n" + many("- title: a\n"),
		"one line":     strings.Repeat("a", largest),
		"too large":    strings.Repeat("a", largest+1),
		"carriage":     many("a: b\r"),
		"nothing":      "",
		"null":         "null",
		"null hosts":   "hosts:",
		"quotes":       many(`"`),
		"many streams": "experiments:\n- do:\n" + many("  - { ping: A, from: B, as: x }\n"),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			if _, err := Read("hostile.yaml", []byte(text), nil); ProblemsOf(err) == nil {
				t.Errorf("got %v", err)
			}
			if took := time.Since(began); took > 30*time.Second { // input that is not rejected takes minutes
				t.Errorf("it took %s", took)
			}
		})
	}
}

// many repeats a text. A quarter of the largest file is long enough: without the limit of depth the
// parser takes minutes for it, but not without that of keys.
func many(text string) string { return strings.Repeat(text, largest/4/len(text)) }

// lots repeats a line with changing numbers.
func lots(line string) string {
	var b strings.Builder
	for n := 0; b.Len() < 900_000; n++ {
		b.WriteString(strings.ReplaceAll(line, "%", strings.Repeat("x", n%50)+time.Duration(n).String()))
	}
	return b.String()
}

// deeper nests blocks within blocks.
func deeper() string {
	var b strings.Builder
	for n := range 1300 {
		b.WriteString(strings.Repeat(" ", n) + "a:\n")
	}
	return b.String()
}

// Whatever the input: no panic, bounded time, and a place for every problem.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"course/*.yaml", "testdata/valid/*.yaml", "testdata/invalid/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		began := time.Now()
		sc, err := Read("fuzz.yaml", text, nil)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %s", took)
		}
		if err == nil {
			for _, e := range sc.Experiments {
				for _, a := range e.Do {
					_ = a.Said().String()
				}
			}
			return
		}
		problems := ProblemsOf(err)
		if len(problems) != 1 || len(problems[0].List) == 0 {
			t.Fatalf("no problems: %v", err)
		}
		for _, p := range problems[0].List {
			if p.Line < 1 || p.Column < 1 || p.Text.Empty() || p.String() == "" {
				t.Errorf("%+v has no place", p)
			}
		}
	})
}

func TestDidYouMean(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"tpc", `did you mean "tcp"?`}, {"imcp", `did you mean "icmp"?`}, {"ICMP", `did you mean "icmp"?`}, {"icmpv", `did you mean "icmp"?`},
		{"quic", "choose from tcp, icmp"}, {"", "choose from tcp, icmp"}, {strings.Repeat("a", 1000), "choose from tcp, icmp"},
	} {
		if got := DidYouMean(test.word, []string{"tcp", "icmp"}).String(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.word, got, test.want)
		}
	}
}

// Every alternative notation, and every key that may be left out.
func TestEverything(t *testing.T) {
	sc, err := Load("testdata/valid/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if sc.Question != "Is all of it read, and is it what was written?" || sc.Related != "pmtud" || !sc.Loose || sc.Interval != 20*time.Millisecond || sc.Ask != 1 || sc.AskAbout != "1" {
		t.Errorf("%+v", sc)
	}
	if got, want := sc.Timeouts.Profile, "nitro-v6 with icmp 2s, tcp_established 5m50s, udp 30s, udp_stream 1m0s, other 10m0s"; got != want {
		t.Errorf("timeouts are called %s", got)
	}
	if got := sc.Hosts[0].Groups; !slices.Equal(got, []string{"lab", "sg-0123"}) {
		t.Errorf("A carries %v", got)
	}
	var done []string
	for _, e := range sc.Experiments {
		for _, a := range e.Do {
			done = append(done, a.Said().String())
		}
	}
	want := []string{
		"start stream 1: ping A from B",
		"start stream shell: tcp to A port 22 from B",
		"start stream dns: udp to A port 53 from B",
		"revoke rule icmp of group lab",
		"revoke rules any-port, in-5 of group lab",
		"revoke rule tcp 22-25 0.0.0.0/0 of group lab",
		"authorize rule icmp (icmp 10.255.0.0/16) in group lab",
		"authorize rules web (tcp 80 0.0.0.0/0), ssh (tcp 22-25 0.0.0.0/0) in group lab",
		"authorize rule out-1 (udp 53 0.0.0.0/0) in group clients",
		"change prefix list office: remove 203.0.113.0/24, add 192.0.2.0/24, 198.51.100.0/25",
		"add 203.0.113.0/24 to prefix list office",
		"remove 192.0.2.0/24, 198.51.100.7/32 from prefix list office",
		"change the groups of C to clients, lab",
		"remove all groups from B",
		"delete the conntrack entries of stream 1",
		"delete the conntrack entries that rule icmp admitted on A",
		"delete all conntrack entries",
		"wait 2s",
		"use the conntrack timeouts of nitro",
		"use the conntrack timeouts of nitro with udp 1s",
		"stop conntrack from picking up TCP connections mid-stream",
		"attach a network ACL to A: ingress 90 deny tcp 22 10.0.0.0/8; ingress 100 allow icmp 0.0.0.0/0; everything else is denied",
		"stop stream 1 and start it again as stream again, as the same flow",
		"stop stream dns",
		"remove the network ACL from A",
		"run on B: curl --max-time 5 http://10.255.1.197/",
	}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	yes := true
	expected := []Expectation{
		{Place: Place{40, 7}, Stream: "1", Outcome: Replied},
		{Place: Place{41, 7}, Stream: "shell", Outcome: Replied, First: 1, By: "established", Tracked: &yes},
		{Place: Place{42, 13}, Stream: "dns", Refused: &Amount{60, noLimit, true}},
		{Place: Place{42, 35}, Stream: "dns", Received: &Amount{0, 3, false}},
		{Place: Place{43, 11}, Host: "A", Flow: "1", AdmittedBy: "icmp"},
		{Place: Place{43, 45}, Host: "A", Flow: "dns", Absent: true},
		{Place: Place{43, 63}, Host: "A", Hit: "icmp"},
		{Place: Place{43, 63}, Host: "A", Hit: "ssh"},
		{Place: Place{43, 63}, Host: "A", Never: "in-3"},
		{Place: Place{44, 7}, Host: "B", Hit: "out-1"},
	}
	if diff := cmp.Diff(expected, sc.Experiments[0].Expect); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// Text for people, quoted text and comments may contain any character, even if the file has other
// problems.
func TestForeignTextIsNoProblem(t *testing.T) {
	_, err := Read("bad.yaml", []byte(`name: bad
title: ピング：開始　（一）、「二」
question: |
  何が：起こる、か
  　二行目 ｛｝
hosts: # ホスト：二台　
  A: { address: 10.0.0.1/24, groups: [lab] }
  B: { address: 10.0.0.2/24, groups: [lab] }
groups:
  lab:
    ingress:
      - { id: icmp, description: 許可：全部　だ, protocol: icmp, cidr: 10.0.0.0/24 }
      - { id: udp, description: "許可：，", protocol: udp, port: 53, cidr: '10.0.0.0/24' }
experiments:
  - title: "開始：\"一\"　"
    do:
      - { ping: A, from: B, as: "1" }
      - { exec: [echo, ｛「：」｝], on: A }
    for: ten
`), nil)
	var problems *Problems
	if !errors.As(err, &problems) || len(problems.List) != 1 || problems.List[0].Line != 19 {
		t.Errorf("not the one problem that there is:\n%v", err)
	}
}

// A scenario may be as PowerShell writes it, and compressed.
func TestLoadDecodes(t *testing.T) {
	for _, name := range []string{"utf-16.yaml", "utf-16.yaml.gz"} {
		sc, err := Load("testdata/encodings/" + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if sc.Name != "ping" {
			t.Errorf("%s: the name is %q", name, sc.Name)
		}
	}
}
