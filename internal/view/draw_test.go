package view

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// The summary of a stream matches its marks, and adds up to the packets sent.
func TestSummaryAddsUp(t *testing.T) {
	s := newScene(t)
	s.happen(19, timeline.StreamStarted{Stream: "4", Protocol: packet.TCP, From: "B", To: "A", Port: 22})
	s.happen(19, timeline.StreamStarted{Stream: "5", Protocol: packet.ICMP, From: "B", To: "A"})
	const sent = longest + 100
	for seq := 1; seq <= sent; seq++ {
		s.happen(20, timeline.Sent{Stream: "4", Seq: seq})
		s.happen(20, timeline.Sent{Stream: "5", Seq: seq})
		if seq <= 5 {
			s.happen(20, timeline.Replied{Stream: "4", Seq: seq})
		}
		if seq == 6 {
			s.happen(20, timeline.Judged{Host: "B", Direction: packet.Egress, Stream: "4", Seq: 6, State: "invalid", By: packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}, Packet: packet.Header{Protocol: packet.TCP}})
		}
	}
	s.happen(25, timeline.Sent{Stream: "5", Seq: sent + 1})
	s.take(tickMsg(began.Add(25 * time.Second)))
	if lane := s.frame(80, 24); !strings.Contains(lane, "=====") || !strings.Contains(lane, "????·") {
		t.Error(lane)
	}
	var summary bytes.Buffer
	if err := s.summary().Write(&summary); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tcp 22 B > A: 700 sent, 5 answered, 695 stalled\n", "ping B > A: 701 sent, 0 answered, 700 lost, 1 waiting\n"} {
		if !strings.Contains(ansi.Strip(summary.String()), want) {
			t.Errorf("%q is not in\n%s", want, &summary)
		}
	}
}

// Columns line up in every language.
func TestColumnsInJapanese(t *testing.T) {
	s := newScene(t)
	var err error
	if s.Language, err = say.Speak("ja"); err != nil {
		t.Fatal(err)
	}
	s.lab.flows[1].TimeoutSeconds = 431_999
	s.poll(18 * time.Second)
	s.take(tickMsg(began.Add(19 * time.Second)))
	golden(t, "japanese", s.frame(80, 24))
	columns := map[int]bool{}
	for _, l := range strings.Split(s.frame(80, 24), "\n") {
		for _, by := range []string{" 許可 ", " 許可した"} {
			if before, _, found := strings.Cut(l, by); found {
				columns[say.Width(before)] = true
			}
		}
	}
	if len(columns) != 1 {
		t.Errorf("who let entries in stands at %v", columns)
	}
	var summary bytes.Buffer
	if err := s.summary().Write(&summary); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary_japanese", ansi.Strip(summary.String()))
}

// A larger screen never shows less.
func TestMoreRoomShowsMore(t *testing.T) {
	s := newScene(t)
	for seq := 5; seq <= 300; seq++ {
		s.happen(18, timeline.Sent{Stream: "2", Seq: seq})
		s.happen(18, timeline.Replied{Stream: "2", Seq: seq})
	}
	least := 0 // marks of the stream
	for width := 80; width <= 240; width++ {
		frame := s.frame(width, 24)
		for _, want := range []string{"━━━━━━━━", "+ new  * refreshed  ! expiring  × gone", "echo request id 1001 seq 16"} {
			if !strings.Contains(frame, want) {
				t.Fatalf("%d columns lack %q:\n%s", width, want, frame)
			}
		}
		marks := regexp.MustCompile("✓{20,}").FindString(frame)
		n := len([]rune(marks))
		if width == 80 {
			least = n
		}
		if n < max(least, 1) {
			t.Fatalf("%d columns show %d marks of a stream, 80 show %d", width, n, least)
		}
	}
}
