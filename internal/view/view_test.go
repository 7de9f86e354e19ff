package view

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"lablab/internal/control"
	"lablab/packet"
	"lablab/sg"
	"lablab/timeline"
)

var update = flag.Bool("update", false, "write the frames of testdata")

var (
	began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hostA = netip.MustParseAddr("10.255.1.197")
	hostB = netip.MustParseAddr("10.255.1.10")
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestFrames(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {60, 20}, {200, 50}} {
		s := newScene(t)
		golden(t, fmt.Sprintf("%dx%d", size[0], size[1]), s.frame(size[0], size[1]))
	}
	s := newScene(t)
	s.press("?")
	golden(t, "help", s.frame(80, 24))
	empty := &scene{model: newModel(Options{Name: "lab"})}
	golden(t, "empty", empty.frame(80, 24))
	var summary bytes.Buffer
	if err := newScene(t).summary().Write(&summary); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary", ansi.Strip(summary.String()))
}

// At any size, the view has exactly the terminal's number of lines, each of its width.
func TestEverySize(t *testing.T) {
	s := newScene(t)
	for _, help := range []bool{false, true} {
		s.help = help
		for width := 1; width < 230; width += 7 {
			for height := 1; height < 70; height += 3 {
				s.take(tea.WindowSizeMsg{Width: width, Height: height})
				lines := strings.Split(s.View().Content, "\n")
				if len(lines) > height || height >= leastHeight && width >= leastWidth && len(lines) != height {
					t.Fatalf("%d×%d: %d lines", width, height, len(lines))
				}
				for _, l := range lines {
					if n := ansi.StringWidth(l); n != width {
						t.Fatalf("%d×%d: %d columns: %q", width, height, n, l)
					}
				}
			}
		}
	}
}

// The keys are always shown at the bottom.
func TestKeysAreShown(t *testing.T) {
	s := newScene(t)
	for _, size := range [][2]int{{60, 12}, {60, 20}, {80, 24}, {200, 50}} {
		frame := s.frame(size[0], size[1])
		for _, row := range keys() {
			for _, k := range row {
				if !strings.Contains(frame, k.key+" "+k.word.String()) {
					t.Errorf("%v: %s is not shown", size, k.word)
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		keys []string
		call string
	}{
		{[]string{"r"}, "revoke rule ssh of group lab"},
		{[]string{"down", "a"}, "authorize rule icmp in group lab"},
		{[]string{"down", "down", "down", "down", "r"}, "revoke rule out of group lab"},
		{[]string{"down", "up", "up", "r"}, "revoke rule ssh of group lab"},
		{[]string{"p"}, "start icmp B > A port 0"},
		{[]string{"t", "enter"}, "start tcp B > A port 22"},
		{[]string{"u", "enter"}, "start udp B > A port 53"},
		{[]string{"t", "8", "0", "8", "1", "backspace", "enter"}, "start tcp B > A port 808"},
		{[]string{"t", "9", "9", "9", "9", "9", "enter", "backspace", "enter"}, "start tcp B > A port 9999"}, // port 99999 does not exist
		{[]string{"u", "tab", "enter"}, "start udp A > B port 53"},
		{[]string{"u", "tab", "tab", "enter"}, "start udp B > A port 53"},
		{[]string{"u", "r", "esc", "r"}, "revoke rule ssh of group lab"}, // an open prompt takes the keys first
		{[]string{"x"}, "stop 3"},
		{[]string{"c"}, "cut icmp 10.255.1.10 > 10.255.1.197 id 1001 on A"},
		{[]string{"tab", "down", "down", "c"}, "cut icmp 10.255.1.10 > 10.255.1.197 id 1002 on B"},
		{[]string{"tab", "down", "tab", "down", "r"}, "revoke rule icmp of group lab"},
		{[]string{"?", "r", "r"}, "revoke rule ssh of group lab"}, // the first r closes the help
	} {
		s := newScene(t)
		s.press(c.keys...)
		if len(s.lab.calls) != 1 || s.lab.calls[0] != c.call {
			t.Errorf("%v: %q, want %q", c.keys, s.lab.calls, c.call)
		}
	}
	for _, key := range []string{"q", "ctrl+c"} {
		if !newScene(t).press(key) {
			t.Errorf("%s does not quit", key)
		}
	}
}

// Each x stops another stream, even before the lab has reported the end of the last one.
func TestStopOneAfterTheOther(t *testing.T) {
	s := newScene(t)
	s.press("x", "x", "x", "x")
	if diff := cmp.Diff([]string{"stop 3", "stop 2", "stop 1"}, s.lab.calls); diff != "" || !strings.Contains(s.frame(80, 24), "no stream is running") {
		t.Error(diff)
	}
}

// Changes run in the order of their keys, one at a time.
func TestChangesInOrder(t *testing.T) {
	s := newScene(t)
	s.Update(tea.KeyPressMsg{Code: 't', Text: "t"})
	_, first := s.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	s.Update(tea.KeyPressMsg{Code: 'u', Text: "u"})
	if _, second := s.Update(tea.KeyPressMsg{Code: tea.KeyEnter}); second != nil {
		t.Error("the second does not wait for the first")
	}
	_, second := s.Update(first())
	_, none := s.Update(second())
	if diff := cmp.Diff([]string{"start tcp B > A port 22", "start udp B > A port 53"}, s.lab.calls); diff != "" || none != nil {
		t.Error(diff)
	}
}

func TestRefusal(t *testing.T) {
	s := newScene(t)
	s.lab.err = errors.New("InvalidPermission.NotFound: there is none")
	s.press("r")
	if frame := s.frame(80, 24); !strings.Contains(frame, "revoke ssh: InvalidPermission.NotFound") {
		t.Error(frame)
	}
}

// The message that there is nothing to do fits in a line.
func TestNothingToChange(t *testing.T) {
	for _, c := range []struct{ key, code, want string }{
		{"r", sg.RuleNotFound, "revoke icmp: already revoked; a authorizes it"},
		{"a", sg.RuleNotFound, "authorize icmp: this rule, or an identical one, is already in force"},
		{"a", sg.Duplicate, "authorize icmp: this rule, or an identical one, is already in force"},
		{"a", sg.Malformed, "authorize icmp: " + sg.Malformed + ": The security"},
	} {
		s := newScene(t)
		s.lab.err = &sg.Error{Code: c.code, Message: "The security group rule ID 'icmp' is what this is about, and more"}
		s.press("down", c.key)
		if frame := s.frame(80, 24); !strings.Contains(frame, c.want) {
			t.Errorf("%s, %s: %s", c.key, c.code, frame)
		}
	}
}

// The view shows for the rest of its life that it missed something.
func TestMissed(t *testing.T) {
	s := newScene(t)
	s.happen(20, timeline.Missed{Host: "A", What: timeline.MissedVerdicts, Count: 1})
	s.happen(21, timeline.StreamStopped{Stream: "1"})
	if frame := s.frame(80, 24); !strings.Contains(frame, "lost: 1") || !strings.Contains(frame, "stream 1 stopped") {
		t.Error(frame)
	}
}

// The suggested port is that of the chosen rule, if it has one.
func TestSuggestedPort(t *testing.T) {
	s := newScene(t)
	s.live.rules[0].Text = "tcp 8000-8010 10.0.0.0/8"
	s.press("t")
	if frame := s.frame(80, 24); !strings.Contains(frame, "TCP from B to A, port 8000") || !strings.Contains(frame, "enter start") {
		t.Error(frame)
	}
	s.press("esc", "u", "7", "0", "0", "0", "0", "enter")
	if frame := s.frame(80, 24); !strings.Contains(frame, "UDP from B to A, port 70000") || !strings.Contains(frame, "a port is a number from 1 to 65535") || len(s.lab.calls) > 0 {
		t.Error(frame, s.lab.calls)
	}
}

// A stream that fails shows the reason.
func TestBrokenStream(t *testing.T) {
	s := newScene(t)
	s.happen(21, timeline.StreamStopped{Stream: "1", Error: "network is unreachable"})
	if frame := s.frame(80, 24); !strings.Contains(frame, "stream 1 failed: network is unreachable") || !regexp.MustCompile(`1 ping B > A .* failed `).MatchString(frame) {
		t.Error(frame)
	}
	var summary bytes.Buffer
	if err := s.summary().Write(&summary); err != nil || !strings.Contains(ansi.Strip(summary.String()), "it failed: network is unreachable") {
		t.Error(summary.String())
	}
}

// While frozen, the picture stays; later events are shown afterwards.
func TestFreeze(t *testing.T) {
	s := newScene(t)
	s.press("space")
	before := s.frame(80, 24)
	s.happen(20, timeline.Sent{Stream: "2", Seq: 5})
	s.happen(20, timeline.Judged{Host: "A", Direction: packet.Ingress, Stream: "2", Seq: 5, State: "new", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: echo(1002, 5)})
	s.lab.flows = nil
	s.poll(20 * time.Second)
	s.take(tickMsg(began.Add(30 * time.Second)))
	if diff := cmp.Diff(before, s.frame(80, 24)); diff != "" || !strings.Contains(before, "FROZEN") {
		t.Errorf("the frozen frame changed:\n%s", diff)
	}
	s.press("space")
	if after := s.frame(80, 24); !strings.Contains(after, "✗✗✗✗✗") || strings.Contains(after, "FROZEN") {
		t.Error(after)
	}
}

// Entries are marked when they are new, refreshed, expiring and gone.
func TestEntries(t *testing.T) {
	var e Entries
	marks := func(second int, flows ...control.Flow) string {
		e.Update(flows, began.Add(time.Duration(second)*time.Second))
		text := ""
		for _, e := range e.All() {
			text += string(e.Mark)
		}
		return text
	}
	one := func(packets uint64, left int) control.Flow {
		return entry("A", ping(1), packets, packets, left, "icmp", false)
	}
	two := entry("A", ping(2), 1, 0, 30, "icmp", false)
	again := one(1, 30)
	again.ConntrackID = 7
	for i, step := range []struct {
		got, want string
	}{
		{marks(0, one(1, 30)), " "}, // its age is unknown
		{marks(1, one(2, 30)), "*"},
		{marks(2, one(2, 29)), " "},
		{marks(3, one(2, 28), two), " +"},
		{marks(6, one(2, 5), two), "! "},
		{marks(7, one(3, 30)), "*×"},
		{marks(8), "××"},
		{marks(10), "×"},
		{marks(11, again), "+"},
	} {
		if step.got != step.want {
			t.Errorf("step %d: %q, want %q", i, step.got, step.want)
		}
	}
}

// Names come from untrusted files. Whatever they contain, only text and the view's own styles reach
// the screen.
func TestHostileNames(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;owned\a\u202eevil\u009b31m\n\r\t\x00\u200b日本"
	s := newScene(t)
	s.lab.status.Name, s.lab.status.Scenario = evil, evil
	s.lab.status.Hosts[0].Name, s.lab.status.Hosts[0].Groups = evil, []string{evil}
	s.lab.status.Groups[0].ID, s.lab.status.Groups[0].Rules[0].ID, s.lab.status.Groups[0].Rules[0].Text = evil, evil, evil
	s.lab.flows = []control.Flow{entry(evil, ping(1), 1, 1, 30, evil, true)}
	s.happen(20, timeline.StreamStarted{Stream: evil, Protocol: packet.ICMP, From: evil, To: evil})
	s.happen(20, timeline.Judged{Host: evil, State: evil, By: packet.By{ID: evil}})
	s.happen(20, timeline.RuleRevoked{Rule: timeline.Rule{Group: evil, Hosts: []string{evil}, Rule: sg.Rule{ID: evil}}})
	s.poll(20 * time.Second)
	s.lab.err = errors.New(evil)
	s.press("r")
	style := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, size := range [][2]int{{80, 24}, {60, 20}, {200, 50}, {20, 5}} {
		for range 2 {
			s.take(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			v := s.View()
			harmlessText(t, style.ReplaceAllString(v.Content, ""))
			harmlessText(t, v.WindowTitle)
			for _, l := range strings.Split(v.Content, "\n") {
				if n := ansi.StringWidth(l); n != size[0] {
					t.Errorf("%v: %d columns: %q", size, n, l)
				}
			}
			s.help = !s.help
		}
	}
	var summary bytes.Buffer
	if err := s.summary().Write(&summary); err != nil {
		t.Fatal(err)
	}
	harmlessText(t, style.ReplaceAllString(summary.String(), ""))
}

func harmlessText(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%q in %q", r, text)
			return
		}
	}
}

// The memory of a long stream is bounded.
func TestLongStream(t *testing.T) {
	s := newScene(t)
	for seq := 5; seq < 5000; seq++ {
		s.happen(20, timeline.Sent{Stream: "2", Seq: seq})
		s.happen(20, timeline.Replied{Stream: "2", Seq: seq})
	}
	for _, l := range s.live.streams() {
		if l.Stream == "2" && (l.Sent != 4999 || l.Received() != 4995 || len(l.Latest) > 2*longest) {
			t.Errorf("%d sent, %d back, %d remembered", l.Sent, l.Received(), len(l.Latest))
		}
	}
	s.frame(80, 24)
}

// After another scenario is loaded, nothing of the old one stays.
func TestAnotherScenario(t *testing.T) {
	s := newScene(t)
	s.happen(19, timeline.Ended{})
	s.happen(0, timeline.Begun{Scenario: "cut", Started: began.Add(time.Hour), Hosts: []timeline.Host{{Name: "C", Address: netip.PrefixFrom(hostA, 16)}, {Name: "D", Address: netip.PrefixFrom(hostB, 16)}}})
	p := s.live
	if len(p.streams())+len(p.rules)+len(p.entries.All()) > 0 || p.status.Scenario != "cut" || len(p.hosts) != 2 || p.hosts[0].Name != "C" {
		t.Errorf("there are still %d streams and %d rules; %s, %v", len(p.streams()), len(p.rules), p.status.Scenario, p.hosts)
	}
}

// The URL of the page is visible.
func TestWebIsShown(t *testing.T) {
	s := newScene(t)
	s.lab.status.Web = "http://127.0.0.1:8080/#0123"
	s.poll(20 * time.Second)
	if !strings.Contains(ansi.Strip(s.screen()), s.lab.status.Web) {
		t.Error("the page's URL is not on the screen")
	}
}

// A refusal is visible even on a small screen.
func TestRefusalsAreSeen(t *testing.T) {
	yes, no := timeline.Judged{Accepted: true, By: packet.By{Kind: packet.ByEstablished, ID: packet.EstablishedID}}, timeline.Judged{By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}}
	verdicts := []timeline.Judged{no, yes, no, yes, yes, yes, yes}
	for _, c := range []struct {
		from, to int
		want     []timeline.Judged
	}{{3, 7, []timeline.Judged{no, yes, yes, yes}}, {2, 4, []timeline.Judged{no, yes}}, {7, 7, nil}, {0, 1, []timeline.Judged{no}}} {
		if got := withRefused(verdicts, c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%d to %d: %v", c.from, c.to, got)
		}
	}
	long := append([]timeline.Judged{no}, slices.Repeat([]timeline.Judged{yes}, 40)...)
	if got := withRefused(long, 37, 41); slices.ContainsFunc(got, func(v timeline.Judged) bool { return !v.Accepted }) {
		t.Error("what was refused long ago stays")
	}
}
